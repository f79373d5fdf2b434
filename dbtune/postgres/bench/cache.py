"""``bench cache``: a query, and the same result from a cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from dbtune.bench.cache_report import NAMES, Timed, report, timed
from dbtune.bench.rounds import interleaved, times
from dbtune.errors import TargetError, UsageError
from dbtune.postgres.bench.executing import try_out
from dbtune.postgres.bench.permission import require_permission
from dbtune.postgres.bench.pool import Surroundings
from dbtune.postgres.connect import connect
from dbtune.postgres.server import read_server, target
from dbtune.postgres.session import Session
from dbtune.profile import redact
from dbtune.report import Report
from dbtune.text import bytes_text, plain

MOST_BYTES = 16 * 1024**2
"""Of a value; a cache is no place for larger ones."""
_MOST_ROWS = 100_000


class Store(Protocol):
    """A cache with one key."""

    def store(self, value: bytes) -> None:
        """Store it."""
        ...

    def hit(self) -> str:
        """Read it."""
        ...

    def miss(self) -> None:
        """Read a key that is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        statement: the query.
        calls: of each part, in each round.
        rounds: how often.
        cache: the cache's server, for people.
    """

    statement: str
    calls: int = 100
    rounds: int = 5
    cache: str = ""


def bench_cache(session: Session, store: Store, request: Request, around: Surroundings) -> Report:
    """Measure a query, and a cache before it.

    Raises:
        UsageError: the server may not be loaded, or it is no statement that only reads.
        TargetError: a server can't be reached, or a statement failed.
    """
    server = read_server(session)
    count = request.calls * request.rounds
    what = f"one client that executes the statement {count} times"
    require_permission(session, server, around.permission, what, around.wait)
    # The server's own parser says that it is one statement, and its plan that it only reads.
    try_out(session, (request.statement,))
    with connect(session.profile, around.limits) as client:
        try:
            client.execute(
                "SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false), "
                "pg_catalog.set_config('statement_timeout', %s, false)",
                (f"{around.limits.statement_seconds * 1000:.0f}ms",),
            )
            rows = _query(client, request.statement)
            value = _encode(rows)
            if len(value) > MOST_BYTES:
                raise UsageError(
                    f"the result has {bytes_text(len(value))} as JSON: more than "
                    f"{bytes_text(MOST_BYTES)} is nothing for a cache"
                )
            actions = _actions(client, store, request.statement, rows, value)
            rounds = _measured(actions, request, around)
        except psycopg.Error as error:
            message = plain(redact((error.diag.message_primary or str(error)).strip()))
            raise TargetError(f"the query failed: {message}") from None
    facts = {
        "result_rows": len(rows),
        "value_bytes": len(value),
        "rounds": request.rounds,
        "calls": request.calls,
        "redis": request.cache,
        "statement": request.statement,
    }
    return report(rounds, facts, target=target(session, server), collected_at=server.now)


def _actions(
    client: psycopg.Connection[Any], store: Store, statement: str, rows: list[Any], value: bytes
) -> dict[str, Callable[[], object]]:
    store.store(value)
    return {
        "query": lambda: _query(client, statement),
        "hit": lambda: json.loads(store.hit()),
        "miss": store.miss,
        "encode": lambda: _encode(rows),
        "decode": lambda: json.loads(value),
        "store": lambda: store.store(value),
    }


def _measured(
    actions: dict[str, Callable[[], object]], request: Request, around: Surroundings
) -> dict[str, list[Timed]]:
    for action in actions.values():
        action()  # the first is never like the others
    with around.progress("measuring", request.rounds * len(NAMES)) as advance:
        return interleaved(
            tuple(NAMES),
            request.rounds,
            lambda name: timed(times(actions[name], request.calls)),
            advance,
        )


def _query(client: psycopg.Connection[Any], statement: str) -> list[Any]:
    with client.cursor() as cursor:
        cursor.execute(statement.encode())
        rows = cursor.fetchmany(_MOST_ROWS + 1)
    if len(rows) > _MOST_ROWS:
        raise UsageError(f"the result has more than {_MOST_ROWS:,} rows: nothing for a cache")
    return rows


def _encode(rows: list[Any]) -> bytes:
    return json.dumps(rows, default=str, ensure_ascii=False).encode("utf-8", "replace")
