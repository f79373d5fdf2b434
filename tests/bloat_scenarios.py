"""Databases with bloat whose true amount is known: what a rewrite of a copy gives back."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.servers import Postgres


class Truth(NamedTuple):
    """What a relation really holds.

    Attributes:
        schema, name: the table's or index's; a TOAST table goes by its table's.
        kind: ``heap``, ``toast`` or ``index``.
        method: access method of an index, or "".
        size_bytes: as it is.
        rewritten_bytes: as it is after VACUUM FULL.
    """

    schema: str
    name: str
    kind: str
    method: str
    size_bytes: int
    rewritten_bytes: int

    @property
    def bloat_ratio(self) -> float:
        """What a rewrite gives back, of its size."""
        return (self.size_bytes - self.rewritten_bytes) / max(1, self.size_bytes)


_SIZES = """
SELECT n.nspname::text, coalesce(t.relname, c.relname)::text,
       CASE c.relkind WHEN 'i' THEN 'index' WHEN 't' THEN 'toast' ELSE 'heap' END,
       CASE c.relkind WHEN 'i' THEN a.amname::text ELSE '' END, pg_relation_size(c.oid)
FROM pg_class c
LEFT JOIN pg_class t ON t.reltoastrelid = c.oid
LEFT JOIN pg_am a ON a.oid = c.relam
JOIN pg_namespace n ON n.oid = coalesce(t.relnamespace, c.relnamespace)
WHERE c.relkind IN ('r', 'm', 't', 'i')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


def truths(pg: Postgres, database: str) -> list[Truth]:
    """What a rewrite gives back for each relation, found on a copy of the database."""
    before = {row[:4]: row[4] for row in pg.psql(_SIZES, database)}
    copy = f"{database}_copy"
    pg.psql(f'CREATE DATABASE "{copy}" TEMPLATE "{database}"')
    try:
        with pg.connect(copy) as connection:
            connection.execute("SET maintenance_work_mem = '256MB'")
            tables = connection.execute(
                "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') "
                "AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for (table,) in tables:
                connection.execute(f"VACUUM FULL {table}".encode())
        after = {row[:4]: row[4] for row in pg.psql(_SIZES, copy)}
    finally:
        pg.drop_database(copy)
    return [Truth(*key, size, after.get(key, 0)) for key, size in sorted(before.items())]  # type: ignore[call-arg]


# ------------------------------------------------------------------------------ random schemas

_Column = tuple[str, str]  # type, and an expression over the row's number i
_LETTERS = "md5(i::text || {salt})"


def _text(pick: random.Random) -> str:
    """Texts: constant length, uniform, skewed, two humps, few values."""
    salt = f"'{pick.randrange(10**6)}'"
    hashed = _LETTERS.format(salt=salt)
    longest = pick.choice([8, 20, 32, 60, 120, 300])
    long_text = f"repeat({hashed}, {longest // 32 + 1})"
    return pick.choice(
        [
            hashed,
            f"left({long_text}, {longest})",
            f"left({long_text}, 1 + (random() * {longest})::int)",
            f"left({long_text}, 1 + ({longest} * random() ^ 3)::int)",
            f"left({long_text}, CASE WHEN random() < 0.3 THEN {longest} ELSE 3 END)",
            "(ARRAY['new', 'paid', 'shipped', 'sent back'])[1 + (random() ^ 2 * 3.99)::int % 4]",
            f"'user' || (random() * {pick.choice([50, 2000, 50000])})::int || '@example.com'",
        ]
    )


_WIDE = "string_agg"


def _wide(pick: random.Random, size: int) -> str:
    """Texts of about so many bytes, which do not compress."""
    spread = pick.choice([0, 0, 0.5, 0.9])
    count = f"(1 + {size / 32:.0f} * (1 - {spread} * random()))::int"
    part = f"md5(i::text || g || {pick.randrange(1000)})"
    return f"(SELECT {_WIDE}({part}, '') FROM generate_series(1, {count}) g)"


def _column(pick: random.Random, rows: int) -> _Column:
    many = pick.choice([3, 20, 300, 5000, rows // 5, rows // 2, rows])
    number = pick.choice(
        ["i", f"i % {max(2, many)}", f"(random() * {many})::int", f"(random() ^ 3 * {many})::int"]
    )
    return pick.choice(
        [
            ("bigint", number),
            ("integer", number),
            ("smallint", f"(({number}) % 30000)"),
            ("boolean", "random() < 0.3"),
            ("uuid", f"md5(({number})::text)::uuid"),
            ("timestamptz", f"'2024-01-01'::timestamptz + ({number}) * interval '1 min'"),
            ("date", f"'2024-01-01'::date + ({number}) % 3000"),
            (
                "numeric",
                f"(({number}) * {pick.choice([1, 100, 12345])})::numeric / {pick.choice([1, 100])}",
            ),
            ("double precision", f"({number}) * 1.5"),
            ("text", _text(pick)),
            ("text", _text(pick)),
            ("varchar(400)", _text(pick)),
            ("char(12)", f"'c' || ({number}) % 1000"),
            ("jsonb", f"jsonb_build_object('id', i, 'v', {_text(pick)})"),
            ("integer[]", f"ARRAY[i, ({number})::int]"),
            ("inet", f"'10.0.0.0'::inet + ({number})"),
            ("name", f"'n' || ({number})"),
            ("interval", f"({number}) * interval '1 second'"),
        ]
    )


def _nullable(pick: random.Random, column: _Column) -> _Column:
    ratio = pick.choice([0, 0, 0, 0.05, 0.3, 0.9])
    kind, value = column
    return kind, value if not ratio else f"CASE WHEN random() >= {ratio} THEN {value} END"


_UNINDEXED = ("jsonb", "integer[]")


def _indexes(pick: random.Random, table: str, columns: Sequence[_Column]) -> list[str]:
    usable = [
        n
        for n, (kind, value) in enumerate(columns)
        if kind not in _UNINDEXED and _WIDE not in value
    ]
    made = []
    for _ in range(pick.choice([0, 1, 2, 3]) if usable else 0):
        keys = pick.sample(usable, min(len(usable), pick.choice([1, 1, 1, 2, 3])))
        words = [f"c{n}" + pick.choice(["", "", "", " DESC", " DESC NULLS LAST"]) for n in keys]
        texts = [n for n in keys if columns[n][0] == "text"]
        if texts and pick.random() < 0.3:
            words = [f"lower(c{texts[0]})"]
        where = include = options = ""
        if pick.random() < 0.15:
            where = f" WHERE id % {pick.choice([2, 10])} = 0"
        if pick.random() < 0.1:
            include = " INCLUDE (id)"
        if pick.random() < 0.2:
            options = " WITH (" + pick.choice(["fillfactor = 70", "deduplicate_items = off"]) + ")"
        made.append(f"CREATE INDEX ON {table} ({', '.join(words)}){include}{options}{where}")
    return made


def _churn(
    pick: random.Random, table: str, rows: int, insert: Callable[[int, int], str]
) -> list[str]:
    """What happened to a table after it was filled."""
    share = pick.choice([0.1, 0.3, 0.5, 0.8])
    change = "c0 = c0"
    done = pick.choice(
        [
            [],
            [],
            [f"DELETE FROM {table} WHERE random() < {share}"],
            [f"DELETE FROM {table} WHERE id <= {share * rows:.0f}"],
            [f"DELETE FROM {table} WHERE id > {(1 - share) * rows:.0f}"],
            [f"UPDATE {table} SET {change} WHERE random() < {share}"],
            [f"UPDATE {table} SET {change} WHERE random() < {share}", f"VACUUM {table}"] * 2,
            [
                f"DELETE FROM {table} WHERE random() < {share}",
                f"VACUUM {table}",
                insert(rows + 1, rows + int(rows * share / 2)),
            ],
            [f"DELETE FROM {table} WHERE id <= {rows * 0.95:.0f}", f"VACUUM {table}"],
            [f"UPDATE {table} SET id = id + {10 * rows} WHERE random() < {share}"],
            [f"ALTER TABLE {table} ADD COLUMN extra integer DEFAULT 7"],
            [f"ALTER TABLE {table} DROP COLUMN c{{last}}"],
        ]
    )
    end = pick.choice(
        [
            [f"VACUUM (ANALYZE) {table}"],
            [f"VACUUM (ANALYZE) {table}"],
            [f"ANALYZE {table}"],
            [f"VACUUM {table}", f"ANALYZE {table}"],
        ]
    )
    if pick.random() < 0.08:
        end = []
    early = [f"ANALYZE {table}"] if pick.random() < 0.2 else []
    if early and pick.random() < 0.5:
        end = [f"VACUUM {table}"] if pick.random() < 0.5 else []
    return early + done + end


def random_table(pick: random.Random, table: str) -> list[str]:
    """Statements that make one table with columns, indexes and a history, all by chance."""
    wide, wide_bytes = pick.random() < 0.3, 0
    rows = pick.choice([4000, 12000]) if wide else pick.choice([15000, 40000, 90000])
    columns = [
        _nullable(pick, _column(pick, rows))
        for _ in range(pick.choice([1, 2, 3, 4, 6, 9, 14] if not wide else [1, 2, 4]))
    ]
    if wide:
        wide_bytes = pick.choice([400, 900, 1500, 2500, 6000, 12000])
        columns.append(("text", _wide(pick, wide_bytes)))
    storage = f"fillfactor = {pick.choice([50, 70, 90])}" if pick.random() < 0.2 else ""
    defined = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(columns))
    values = ", ".join(f"({value})::{kind}" for kind, value in columns)
    unlike = f"DROP COLUMN c{len(columns) - 1}"

    def insert(first: int, last: int) -> str:
        names = ", ".join(f"c{n}" for n in range(len(columns)))
        return (
            f"INSERT INTO {table} (id, {names}) SELECT i, {values} "
            f"FROM generate_series({first}, {last}) i"
        )

    made = [
        f"CREATE TABLE {table} (id bigint, {defined})" + (f" WITH ({storage})" if storage else "")
    ]
    if wide and pick.random() < 0.3:
        kind = pick.choice(["EXTERNAL", "MAIN", "PLAIN"])
        if kind != "PLAIN" or wide_bytes < 6000:
            made.append(f"ALTER TABLE {table} ALTER c{len(columns) - 1} SET STORAGE {kind}")
    early = pick.random() < 0.5
    indexes = _indexes(pick, table, columns)
    if pick.random() < 0.6:
        indexes.append(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    filled = [insert(1, rows)]
    made += indexes + filled if early else filled + indexes
    history = _churn(pick, table, rows, insert)
    dropped = [one.replace("DROP COLUMN c{last}", unlike) for one in history]
    return made + dropped


def random_schema(pg: Postgres, database: str, seed: int, tables: int) -> None:
    """Fill a database with so many random tables."""
    pick = random.Random(seed)
    for number in range(tables):
        seeded = f"SELECT setseed({(seed * 1000 + number) % 9973 / 9973})"
        in_sessions(pg, database, random_table(pick, f"r{number}"), first=seeded)


# --------------------------------------------------------------------------- known difficulties

_HASHED = "md5(i::text)"
_LONG = "(SELECT string_agg(md5(i::text || g), '') FROM generate_series(1, {}) g)"
_ANALYSED = ("VACUUM (ANALYZE) {t}",)


class Difficulty(NamedTuple):
    """A table that some estimators get wrong.

    Attributes:
        columns: with types.
        values: of row i.
        rows: how many.
        options: storage parameters of the table.
        indexes: keys and all behind them; they are made before the rows come.
        late: likewise, made after.
        changes: what happens then; ``{t}`` is the table.
        end: maintenance, in a session of its own.
    """

    columns: str
    values: str
    rows: int = 30_000
    options: str = ""
    indexes: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    end: tuple[str, ...] = _ANALYSED


DIFFICULTIES = {
    "narrow": Difficulty("id bigint, n int", "i, i", late=("(id)", "((n % 10))")),
    "half_deleted": Difficulty(
        "id bigint, n int", "i, i % 100", late=("(id)", "(n)", "(n, id DESC)"),
        changes=("DELETE FROM {t} WHERE id % 2 = 0",),
    ),
    "not_vacuumed": Difficulty(
        "id bigint, n int", "i, i", late=("(id)",),
        changes=("DELETE FROM {t} WHERE id % 2 = 0",), end=("ANALYZE {t}",),
    ),
    "queue": Difficulty(
        "id bigint, t text", f"i, {_HASHED}", late=("(id)",),
        changes=("DELETE FROM {t} WHERE id <= 27000",),
    ),
    "loose": Difficulty("id bigint, t text", f"i, {_HASHED}", options="fillfactor = 70"),
    "loose_deleted": Difficulty(
        "id bigint, t text", f"i, {_HASHED}", options="fillfactor = 70",
        changes=("DELETE FROM {t} WHERE id % 5 < 2",),
    ),
    "wide_1500": Difficulty("id int, t text", f"i, {_LONG.format(47)}", 5000),
    "wide_2700_plain": Difficulty(
        "id int, t text STORAGE PLAIN", f"i, {_LONG.format(84)}", 5000,
        changes=("DELETE FROM {t} WHERE id % 3 = 0",),
    ),
    "toast_10k": Difficulty(
        "id int, t text", f"i, {_LONG.format(320)}", 2000,
        changes=("DELETE FROM {t} WHERE id % 2 = 0",),
    ),
    "toast_2100": Difficulty("id int, t text STORAGE EXTERNAL", f"i, {_LONG.format(66)}", 6000),
    "toast_updated": Difficulty(
        "id int, t text", f"i, {_LONG.format(320)}", 1500,
        changes=("UPDATE {t} SET t = t || 'x'",) * 2,
    ),
    "nulls": Difficulty(
        ", ".join(f"c{n} text" for n in range(12)),
        ", ".join(f"CASE WHEN (i + {n}) % 10 = 0 THEN {_HASHED} END" for n in range(12)),
        late=("(c0)", "(c1, c2)"), changes=("DELETE FROM {t} WHERE c3 IS NOT NULL",),
    ),
    "aligned": Difficulty("a boolean, b bigint, c boolean, d bigint", "true, i, false, i"),
    "narrow_flags": Difficulty("a boolean, b boolean", "true, false", 60_000),
    "two_humps": Difficulty(
        "id int, t text", f"i, CASE WHEN i % 2 = 0 THEN 'x' ELSE repeat({_HASHED}, 8) END",
        late=("(t)",), changes=("DELETE FROM {t} WHERE id % 4 = 0",),
    ),
    "names": Difficulty(
        "n name, c char(20)", f"{_HASHED}, i % 50", late=("(n)", "(c)"),
        changes=("DELETE FROM {t} WHERE n < '8'",),
    ),
    "numbers": Difficulty(
        "a numeric, b double precision, c interval, d inet",
        "i * 1.5, i % 100, i * interval '1 s', '10.0.0.0'::inet + i % 500",
        late=("(a)", "(b)", "(c)", "(d)"), changes=("DELETE FROM {t} WHERE b < 60",),
    ),
    "json": Difficulty(
        "id int, j jsonb, a int[]",
        f"i, jsonb_build_object('k', i, 'v', {_HASHED}), ARRAY[i, i, i]",
        changes=("DELETE FROM {t} WHERE id % 3 = 0",),
    ),
    "compressed": Difficulty("id int, t text", f"i, repeat({_HASHED}, 90)", 4000),
    "dropped": Difficulty(
        "id int, t text", f"i, repeat({_HASHED}, 4)", changes=("ALTER TABLE {t} DROP COLUMN t",),
    ),
    "added": Difficulty("id int", "i", changes=("ALTER TABLE {t} ADD COLUMN b bigint DEFAULT 7",)),
    "never_analysed": Difficulty(
        "id int NOT NULL, b bigint NOT NULL, t text", f"i, i, {_HASHED}", late=("(id)", "(t)"),
        changes=("DELETE FROM {t} WHERE id % 5 < 3",), end=(),
    ),
    "no_statistics": Difficulty(
        "id int, t text", f"i, {_HASHED}",
        changes=("ALTER TABLE {t} ALTER t SET STATISTICS 0", "DELETE FROM {t} WHERE id % 2 = 0"),
    ),
    "stale": Difficulty(
        "id int, t text", f"i, {_HASHED}", late=("(id)",),
        changes=("-- ANALYZE {t}", "DELETE FROM {t} WHERE id % 10 < 7"), end=(),
    ),
    "updated": Difficulty(
        "id bigint, n int", "i, i", late=("(id)", "(n)"),
        changes=("UPDATE {t} SET n = n + 1",) * 2,
    ),
    "random_keys": Difficulty(
        "u uuid, n int, t text", f"{_HASHED}::uuid, hashint4(i) % 5000, {_HASHED}",
        indexes=("(u)", "(n)", "(t)", "(u) INCLUDE (n)"),
    ),
    "duplicates": Difficulty(
        "n int, s text, l bigint", "i % 1000, 'state ' || i % 4, i / 3",
        indexes=("(n)", "(s)", "(l)", "(n, s)", "(n) WITH (deduplicate_items = off)"),
        changes=("DELETE FROM {t} WHERE l % 3 = 0",),
    ),
    "partial": Difficulty(
        "id int, done boolean, t text", f"i, i % 20 > 0, {_HASHED}",
        late=("(id) WHERE NOT done", "(lower(t)) WHERE id % 2 = 0"),
        changes=("DELETE FROM {t} WHERE id % 2 = 1",),
    ),
    "moved": Difficulty(
        "id int, at timestamptz", "i, '2024-01-01'::timestamptz + i * interval '1 min'",
        indexes=("(at)",), changes=("UPDATE {t} SET at = at + interval '1 year' WHERE id % 2 = 0",),
    ),
}  # fmt: skip


def curated_schema(pg: Postgres, database: str) -> None:
    """Fill a database with a table for each difficulty, a partitioned one, and a view."""
    for name, case in DIFFICULTIES.items():
        options = f" WITH ({case.options})" if case.options else ""
        columns = re.sub(r" STORAGE \w+", "", case.columns)
        made = [f"CREATE TABLE {name} ({columns}){options}"]
        for column, storage in re.findall(r"(\w+) \w+ STORAGE (\w+)", case.columns):
            made.append(f"ALTER TABLE {name} ALTER {column} SET STORAGE {storage}")
        made += [f"CREATE INDEX ON {name} {index}" for index in case.indexes]
        made.append(
            f"INSERT INTO {name} SELECT {case.values} FROM generate_series(1, {case.rows}) i"
        )
        made += [f"CREATE INDEX ON {name} {index}" for index in case.late]
        for change in (*case.changes, *case.end):
            made.append(change.format(t=name).removeprefix("-- "))
        in_sessions(pg, database, made)
    in_sessions(
        pg,
        database,
        [
            "CREATE TABLE parted (id int, t text) PARTITION BY RANGE (id)",
            "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (20000)",
            "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (20000) TO (90000)",
            "CREATE INDEX ON parted (id)",
            f"INSERT INTO parted SELECT i, {_HASHED} FROM generate_series(1, 60000) i",
            "DELETE FROM parted WHERE id % 3 = 0 AND id > 20000",
            "CREATE MATERIALIZED VIEW view AS SELECT * FROM parted",
            "VACUUM (ANALYZE)",
        ],
    )


def in_sessions(
    pg: Postgres, database: str, statements: Sequence[str], *, first: str = "SELECT"
) -> None:
    """Run statements, VACUUM and ANALYZE in sessions of their own; ``first`` first in the others.

    A session counts its changes for the statistics when it ends, at the latest; a VACUUM in the
    same session would come before that, as it never does where autovacuum runs.
    """
    maintenance = ("VACUUM", "ANALYZE")
    for alone, group in itertools.groupby(statements, lambda one: one.startswith(maintenance)):
        settle(pg, database)
        with pg.connect(database) as connection:
            if not alone:
                connection.execute(first.encode())
            for statement in group:
                connection.execute(statement.encode())


def settle(pg: Postgres, database: str, still_open: int = 0) -> None:
    """Wait until all but so many sessions have ended, and so have counted their changes."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with pg.connect(database) as connection:
        deadline = time.monotonic() + 120
        while connection.execute(asked.encode()).fetchall() > [(still_open,)]:
            assert time.monotonic() < deadline, "a session does not end"
            time.sleep(0.01)


def maintain(pg: Postgres, database: str, statement: str, still_open: int = 0) -> None:
    """VACUUM or ANALYZE, when all changes so far were counted."""
    settle(pg, database, still_open)
    with pg.connect(database) as connection:
        connection.execute(statement.encode())
    settle(pg, database, still_open)
    if pg.version < 15:  # whose statistics are up to half a second old
        time.sleep(0.6)
