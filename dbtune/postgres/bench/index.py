"""``bench index``: build a real index, execute statements before, with and after it, drop it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dbtune.bench.index_report import Compared, Execution, report
from dbtune.bench.rounds import interleaved
from dbtune.errors import TargetError, UsageError
from dbtune.postgres.bench.executing import execute, try_out
from dbtune.postgres.bench.permission import require_permission
from dbtune.postgres.bench.pool import Surroundings
from dbtune.postgres.bench.scratch import PREFIX, Scratch, leftovers, remove
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.server import read_server, target
from dbtune.postgres.session import Row, Session
from dbtune.postgres.sqltext import split_statements
from dbtune.postgres.writer import WriteFailed, Writer, require_writable
from dbtune.report import Report
from dbtune.text import plain, plural

SAMPLE_ROWS = 20_000
"""Rows that are inserted into copies of the table, to see what the index costs."""
_CLEANUP_SECONDS = 600.0
"""How long the drop may wait for others' transactions: it blocks nobody while it does."""
_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)'
_CREATE = re.compile(
    rf"\s*CREATE\s+(?P<unique>UNIQUE\s+)?INDEX(?:\s+CONCURRENTLY)?(?:\s+IF\s+NOT\s+EXISTS)?"
    rf"(?:\s+(?!ON\b)(?P<name>{_NAME}))?\s+ON\s+(?P<table>{_NAME}(?:\.{_NAME})?)\s*"
    r"(?P<rest>(?:USING\b|\().*)\Z",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Ddl:
    """A CREATE INDEX statement taken apart.

    Attributes:
        unique: whether it enforces uniqueness.
        name: its name, as it was written; "" if it has none.
        table: the table's, likewise.
        rest: from USING or the keys on.
    """

    unique: bool
    name: str
    table: str
    rest: str

    def on(self, table: str, name: str, *, concurrently: bool = False) -> str:
        """The statement for a table and an index of these names."""
        words = ["CREATE", "UNIQUE" if self.unique else "", "INDEX"]
        words += ["CONCURRENTLY" if concurrently else "", quote(name), "ON", table, self.rest]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        ddl: the index.
        statements: to execute; they only read.
        rounds: how often each is executed, in each of the three phases.
        keep: leave the index in place.
    """

    ddl: Ddl
    statements: tuple[str, ...]
    rounds: int = 5
    keep: bool = False


def read_ddl(text: str) -> Ddl:
    """A CREATE INDEX statement.

    Raises:
        UsageError: it is none, or more than one statement.
    """
    found = split_statements(text)
    match = _CREATE.match(found[0]) if len(found) == 1 else None
    if match is None:
        raise UsageError(
            f"--index {plain(text)[:80]!r} is not one CREATE INDEX statement; write for example "
            "'CREATE INDEX ON orders (customer_id)'"
        )
    return Ddl(
        bool(match["unique"]),
        match["name"] or "",
        match["table"],
        match["rest"].rstrip().rstrip(";"),
    )


def bench_index(session: Session, request: Request, around: Surroundings) -> Report:
    """Measure what an index gives and costs.

    Raises:
        UsageError: the server may not be loaded or written to, or a statement can't be measured.
        TargetError: it can't be reached, or the index can't be built.
        KeyboardInterrupt: interrupted; the index is gone again.
    """
    server = read_server(session)
    require_writable(server, "bench index")
    table = _table(session, request.ddl)
    end = "kept" if request.keep else "dropped"
    count = plural(len(request.statements), "statement")
    what = (
        f"an index on {plain(request.ddl.table)} will be built and {end}, and {count} executed "
        f"{3 * request.rounds + 2} times"
    )
    require_permission(session, server, around.permission, what, around.wait)
    notes = leftovers(session)
    inserts = _inserts(session, request, around, table, notes)
    phases = 2 if request.keep else 3
    with around.progress("measuring", phases * request.rounds * len(request.statements)) as advance:
        done = 0

        def phase(index: str = "") -> dict[str, list[Execution]]:
            nonlocal done
            start = done
            done += request.rounds * len(request.statements)
            return interleaved(
                request.statements,
                request.rounds,
                lambda statement: execute(session, statement, index),
                lambda count: advance(start + count),
            )

        try_out(session, request.statements)
        before = phase()
        with _built(session, request, around, table) as (name, seconds, size):
            for statement in request.statements:
                execute(session, statement, name)
            during = phase(name)
        after = {} if request.keep else phase()
    facts = {
        "index": request.ddl.on(request.ddl.table, name),
        "outcome": f"kept as {name}" if request.keep else "dropped again",
        "build_seconds": seconds,
        "size_bytes": size,
        "table_bytes": table["bytes"],
        "rounds": request.rounds,
    }
    compared = [
        Compared(one, before[one], during[one], after.get(one, ())) for one in request.statements
    ]
    return report(
        compared,
        inserts,
        facts,
        target=target(session, server),
        collected_at=server.now,
        notes=notes,
    )


def _table(session: Session, ddl: Ddl) -> Row:
    """Name, size and writable columns of the table, as the role sees it."""
    import psycopg

    query = (
        "SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, "
        "pg_catalog.pg_relation_size(c.oid) AS bytes, "
        "(SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) "
        "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "
        "AND NOT a.attisdropped AND a.attgenerated = '') AS columns "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = pg_catalog.to_regclass(%s)"
    )
    try:
        with session.transaction(own_search_path=True) as transaction:
            rows = transaction.rows(query, (ddl.table,))
    except psycopg.Error as error:
        raise UsageError(f"--index: {session.translated(error)}") from None
    if not rows:
        raise UsageError(f"--index: there is no table {plain(ddl.table)} in this database")
    kinds = {"p": "a partitioned table; give one of its partitions", "v": "a view", "f": "foreign"}
    if rows[0]["kind"] not in ("r", "m"):
        kind = kinds.get(rows[0]["kind"], "no table")
        raise UsageError(f"--index: {plain(ddl.table)} is {kind}: an index can't be built on it")
    return rows[0]


@contextmanager
def _built(
    session: Session, request: Request, around: Surroundings, table: Row
) -> Iterator[tuple[str, float, int]]:
    """The index while it exists: its name, the time that it took, its size."""
    name = f"{PREFIX}{secrets.token_hex(6)}"
    place = f"{quote(table['schema'])}.{quote(table['name'])}"
    whole = f"{quote(table['schema'])}.{quote(name)}"
    kept = False
    try:
        with around.open_writer() as writer, around.progress("building the index", 1.0):
            started = time.monotonic()
            try:
                writer.run(request.ddl.on(place, name, concurrently=True))
            except WriteFailed as failed:
                raise TargetError(f"the index could not be built: {failed}") from None
            seconds = time.monotonic() - started
            row = session.rows(
                "SELECT pg_catalog.pg_relation_size(i.indexrelid) AS bytes, "
                "0 = ANY (i.indkey::int2[]) AS computed FROM pg_catalog.pg_index i "
                "WHERE i.indexrelid = pg_catalog.to_regclass(%s)",
                (whole,),
            )[0]
            if row["computed"]:
                writer.run(f"ANALYZE {place}")  # there are no statistics on an expression before
        yield name, seconds, row["bytes"]
        kept = request.keep
    finally:
        if not kept:
            remove(
                f"DROP INDEX CONCURRENTLY IF EXISTS {whole}",
                around.open_writer,
                around.say,
                lock_seconds=_CLEANUP_SECONDS,
            )


def _inserts(
    session: Session, request: Request, around: Surroundings, table: Row, notes: list[str]
) -> list[tuple[float, float]]:
    """Rows per second into a copy of the table, without and with the index, by round."""
    place = f"{quote(table['schema'])}.{quote(table['name'])}"
    columns = ", ".join(map(quote, table["columns"] or ()))
    with Scratch(around.open_writer, around.say) as schema:
        here = quote(schema.name)
        copy = f"(LIKE {place} INCLUDING ALL)"
        try:
            schema.run(
                f"CREATE TABLE sample AS SELECT {columns} FROM {place} LIMIT {SAMPLE_ROWS}",
                f"CREATE TABLE without {copy}",
                f"CREATE TABLE indexed {copy}",
                request.ddl.on(f"{here}.indexed", f"{PREFIX}index"),
            )
            rows = session.rows(f"SELECT pg_catalog.count(*) AS rows FROM {here}.sample")[0]["rows"]
            if not rows:
                raise TargetError("the table is empty")
            with around.open_writer() as writer:
                rates = interleaved(
                    ("without", "indexed"),
                    request.rounds,
                    lambda name: rows / _insert(writer, f"{here}.{name}", here, columns),
                    lambda _: None,
                )
        except TargetError as failed:  # it says nothing of the statements, which go on
            notes.append(f"the cost of writes was not measured: {failed}")
            return []
    notes.append(
        f"the cost of writes was measured by inserting {plural(rows, 'row')} of the table into "
        "copies of it, without its triggers and foreign keys: it grows with the index's size"
    )
    return list(zip(rates["without"], rates["indexed"], strict=True))


def _insert(writer: Writer, into: str, schema: str, columns: str) -> float:
    """How long it takes to insert the sample, in seconds."""
    try:
        writer.run(f"TRUNCATE {into}")
        started = time.perf_counter()
        writer.run(
            f"INSERT INTO {into} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} "
            f"FROM {schema}.sample"
        )
        return time.perf_counter() - started
    except WriteFailed as failed:
        raise TargetError(f"rows could not be inserted into a copy: {failed}") from None


def statements_of(script: str, origin: str) -> tuple[str, ...]:
    """The statements of a script, each once.

    Raises:
        UsageError: there is none.
    """
    found: Sequence[str] = split_statements(script)
    if not found:
        raise UsageError(f"{origin} has no statement")
    return tuple(dict.fromkeys(found))
