"""Databases with bloat whose true amount is known: what a rewrite of a copy gives back."""

from __future__ import annotations

import itertools
import random
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
        statements = random_table(pick, f"r{number}")
        seeded = f"SELECT setseed({(seed * 1000 + number) % 9973 / 9973})"
        # A session counts its changes for the statistics when it ends, at the latest; a VACUUM in
        # the same session would come before that, as it never does where autovacuum runs.
        for maintenance, group in itertools.groupby(
            statements, lambda one: one.startswith(("VACUUM", "ANALYZE"))
        ):
            with pg.connect(database) as connection:
                if not maintenance:
                    connection.execute(seeded.encode())
                for statement in group:
                    connection.execute(statement.encode())
