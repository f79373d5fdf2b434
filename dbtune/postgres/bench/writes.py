"""``bench writes``: rows one by one, in batches, in pipelines and by COPY, into a scratch table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from dbtune.bench.estimate import quantile
from dbtune.bench.rounds import interleaved, times
from dbtune.bench.writes_report import Way, report
from dbtune.errors import TargetError
from dbtune.postgres.bench.permission import require_permission
from dbtune.postgres.bench.pool import Surroundings
from dbtune.postgres.bench.scratch import Scratch, leftovers
from dbtune.postgres.connect import connect
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.server import read_server, target
from dbtune.postgres.session import Session
from dbtune.postgres.writer import require_writable
from dbtune.profile import redact
from dbtune.report import Report
from dbtune.text import ms_text, plain

TABLE = """CREATE TABLE written (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    account int NOT NULL,
    amount numeric(12, 2) NOT NULL,
    note text NOT NULL
)"""
_COLUMNS = "id bigint primary key, at timestamptz, account int, amount numeric(12,2), note text"
_INSERT = "INSERT INTO written (account, amount, note) VALUES (%s, %s, %s)"
_MOST_ROWS = 500_000
"""Of one measurement, about 50 MB: the table is emptied after each."""
_ROUND_TRIPS = 200

Rows = list[tuple[int, str, str]]
Client = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        batches: rows of a transaction.
        seconds: of a measurement.
        rounds: how often each way is measured.
    """

    batches: tuple[int, ...] = (10, 100, 1000)
    seconds: float = 0.5
    rounds: int = 5


def one_by_one(client: Client, rows: Rows) -> None:
    """A commit for each row."""
    for row in rows:
        client.execute(_INSERT, row)


def one_transaction(client: Client, rows: Rows) -> None:
    """An INSERT for each row, one commit."""
    with client.transaction():
        for row in rows:
            client.execute(_INSERT, row)


def many_values(client: Client, rows: Rows) -> None:
    """One INSERT with a list of VALUES."""
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    statement = f"INSERT INTO written (account, amount, note) VALUES {values}"
    client.execute(statement.encode(), [value for row in rows for value in row])


def arrays(client: Client, rows: Rows) -> None:
    """One INSERT that unpacks an array for each column: the same statement for any number."""
    client.execute(
        "INSERT INTO written (account, amount, note) "
        "SELECT * FROM unnest(%s::int[], %s::numeric[], %s::text[])",
        [list(column) for column in zip(*rows, strict=True)],
    )


def executemany(client: Client, rows: Rows) -> None:
    """psycopg's executemany, which pipelines prepared statements."""
    with client.transaction(), client.cursor() as cursor:
        cursor.executemany(_INSERT, rows)


def pipeline(client: Client, rows: Rows) -> None:
    """INSERTs sent without waiting for each answer."""
    with client.pipeline(), client.transaction():
        for row in rows:
            client.execute(_INSERT, row)


def copy(client: Client, rows: Rows) -> None:
    """COPY FROM STDIN."""
    with (
        client.cursor() as cursor,
        cursor.copy("COPY written (account, amount, note) FROM STDIN") as stream,
    ):
        for row in rows:
            stream.write_row(row)


SINGLE = "INSERT, autocommit"
METHODS: dict[str, Callable[[Client, Rows], None]] = {
    "INSERTs in a transaction": one_transaction,
    "executemany": executemany,
    "pipeline": pipeline,
    "INSERT of arrays (unnest)": arrays,
    "INSERT of many VALUES": many_values,
    "COPY": copy,
}


def bench_writes(session: Session, request: Request, around: Surroundings) -> Report:
    """Measure ways of writing on a server.

    Raises:
        UsageError: the server may not be loaded or written to.
        TargetError: it can't be reached, or a statement failed.
        KeyboardInterrupt: interrupted; everything that was made is gone again.
    """
    server = read_server(session)
    require_writable(server, "bench writes")
    pipelines = psycopg.capabilities.has_pipeline()
    ways = [way for way in ways_of(request.batches) if pipelines or way.method != "pipeline"]
    left = len(ways) * request.rounds * request.seconds
    what = f"one client that writes to a scratch schema for about {ms_text(left * 1000)}"
    require_permission(session, server, around.permission, what, around.wait)
    notes = leftovers(session)
    with Scratch(around.open_writer, around.say) as schema:
        schema.run(TABLE)
        around.say(f"measuring {len(ways)} ways: about {ms_text(left * 1000)}")
        with connect(session.profile, around.limits) as client:
            try:
                client.execute(f"SET search_path = {quote(schema.name)}".encode())
                client.prepare_threshold = 5  # psycopg's default: we are not behind a pooler
                round_trips = times(lambda: client.execute("SELECT 1").fetchall(), _ROUND_TRIPS)
                with around.progress("measuring", len(ways) * request.rounds) as advance:
                    rates = interleaved(
                        ways,
                        request.rounds,
                        lambda way: _rate(client, way, request.seconds),
                        advance,
                    )
            except psycopg.Error as error:
                message = plain(redact((error.diag.message_primary or str(error)).strip()))
                raise TargetError(f"the load failed: {message}") from None
    facts = {
        "round_trip_ms": quantile(round_trips, 0.5),
        "rounds": request.rounds,
        "seconds": request.seconds,
        "table": _COLUMNS,
    }
    return report(
        rates, facts, target=target(session, server), collected_at=server.now, notes=notes
    )


def ways_of(batches: Sequence[int]) -> Iterator[Way]:
    """Every way: a row a commit, and each method at each size of a batch; both kinds of commit."""
    for synchronous in (True, False):
        yield Way(SINGLE, 1, synchronous)
        for method in METHODS:
            for batch in batches:
                yield Way(method, batch, synchronous)


def _rate(client: Client, way: Way, seconds: float) -> float:
    """Rows per second; the table is empty before and after."""
    value = "on" if way.synchronous else "off"
    client.execute(f"SET synchronous_commit = {value}".encode())
    method = METHODS.get(way.method, one_by_one)
    rows: Rows = [
        (number, f"{number}.25", f"row {number} of a batch") for number in range(way.batch)
    ]
    method(client, rows)  # the first prepares
    written, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds and written < _MOST_ROWS:
        method(client, rows)
        written += way.batch
    elapsed = time.perf_counter() - started
    client.execute("TRUNCATE written")
    return written / elapsed
