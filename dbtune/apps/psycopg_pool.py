"""psycopg 3: ``ConnectionPool`` of psycopg_pool."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading, item, keyword, number

DOCUMENT = "https://www.psycopg.org/psycopg3/docs/api/pool.html"
WAITING_PER_CONNECTION = 10
"""Requests in the queue for each connection: with more, an error is sooner than an answer."""


def connection_arguments(pool: AppPool) -> tuple[Line, ...]:
    """What psycopg itself is to be told, whoever makes its connections."""
    timeout = Line(
        "connect_timeout",
        str(pool.connect_seconds),
        "Seconds. A server that does not answer is given up in time.",
        "130",
    )
    if pool.prepares:
        return (timeout,)
    prepare = Line(
        "prepare_threshold",
        "None",
        "Nothing stays prepared: behind this pooler the next transaction may meet another"
        " connection.",
        "5",
    )
    return timeout, prepare


def connection_notes(pool: AppPool) -> tuple[str, ...]:
    """What prepared statements behind a pooler need of psycopg's libpq."""
    # https://www.psycopg.org/psycopg3/docs/advanced/prepare.html#using-prepared-statements-with-pgbouncer
    if not (pool.pooler and pool.prepares):
        return ()
    return (
        "prepared statements behind PgBouncer need libpq 17 (psycopg.pq.version(), which"
        " psycopg[binary] brings): an older one drops them by DEALLOCATE, which PgBouncer does not"
        ' follow; with it, "prepare_threshold": None',
    )


def snippet(pool: AppPool) -> Snippet:
    """A pool that is opened at start-up."""
    lines = (
        Line("min_size", str(pool.smallest), "Stay open.", "4"),
        Line("max_size", str(pool.largest), "Most connections of this process.", "min_size"),
        Line(
            "timeout",
            number(pool.acquire_seconds),
            "Seconds that a request waits for a connection, less than it may take itself.",
            "30",
        ),
        Line(
            "max_waiting",
            str(WAITING_PER_CONNECTION * pool.largest),
            f"Requests that may wait, {WAITING_PER_CONNECTION} for each connection; one more gets"
            " an error at once, not when its time is up.",
            "0 (no limit)",
        ),
        Line(
            "max_lifetime",
            str(LIFETIME_SECONDS),
            "Seconds. Shorter than what servers, poolers and firewalls put an end to.",
            "3600",
        ),
        Line(
            "max_idle",
            str(IDLE_SECONDS),
            "Seconds. Connections above min_size are closed before a firewall forgets them.",
            "600",
        ),
        Line(
            "check",
            "ConnectionPool.check_connection",
            "A connection that died in the pool is found before a request gets it.",
            "None",
        ),
        Line(
            "open",
            "False",
            "Opened by pool.open(wait=True) at start-up, after any fork, where an error can be"
            " dealt with.",
            "True (in an async pool deprecated)",
        ),
    )
    arguments = connection_arguments(pool)
    text = f"""{heading("Needs psycopg[binary,pool]; AsyncConnectionPool takes the same.")}
import os

from psycopg_pool import ConnectionPool

pool = ConnectionPool(
    # The password comes from PGPASSWORD or ~/.pgpass.
    os.environ["DATABASE_URL"],
{block(lines, keyword, margin=" " * 4)}
    kwargs={{
{block(arguments, item, margin=" " * 8)}
    }},
)
"""
    return Snippet(
        "database.py", "python", text, (*lines, *arguments), DOCUMENT, connection_notes(pool)
    )
