"""Node.js: ``Pool`` of pg."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading, member, milliseconds

DOCUMENT = "https://node-postgres.com/apis/pool"


def lines(pool: AppPool) -> tuple[Line, ...]:
    """The settings of pg's Pool."""
    return (
        Line("max", str(pool.largest), "Most connections of this process.", "10"),
        Line("min", str(pool.smallest), "Stay open once they are. Since pg 8.16.", "0"),
        Line(
            "connectionTimeoutMillis",
            milliseconds(pool.acquire_seconds),
            "Milliseconds that a request waits for a connection, old or new.",
            "0 (for ever)",
        ),
        Line(
            "idleTimeoutMillis",
            milliseconds(IDLE_SECONDS),
            "Milliseconds. Closed before a firewall forgets a silent connection.",
            "10000",
        ),
        Line(
            "maxLifetimeSeconds",
            str(LIFETIME_SECONDS),
            "Seconds. Shorter than what servers, poolers and firewalls put an end to.",
            "0 (for ever)",
        ),
        Line("keepAlive", "true", "Dead peers are noticed.", "false"),
        Line(
            "query_timeout",
            milliseconds(pool.request_seconds),
            "Milliseconds for one statement, as long as a request may take; the server's"
            " statement_timeout should end it before.",
            "none",
        ),
    )


def snippet(pool: AppPool) -> Snippet:
    """A module that exports the pool."""
    settings = lines(pool)
    text = f"""{heading("Needs pg 8.", "//")}
import pg from 'pg'

export const pool = new pg.Pool({{
  // postgresql://user@host/database; the password from PGPASSWORD or ~/.pgpass
  connectionString: process.env.DATABASE_URL,
{block(settings, member, margin="  ", mark="//")}
}})

// Without it the process ends when an idle connection breaks.
pool.on('error', (error) => console.error('idle connection:', error.message))
"""
    notes = (
        ()
        if pool.prepares
        else ("only queries with a name are prepared: give none behind this pooler",)
    )
    return Snippet("database.mjs", "javascript", text, settings, DOCUMENT, notes)
