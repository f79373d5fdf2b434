"""asyncpg: ``create_pool``."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading, keyword, number

DOCUMENT = "https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools"


def snippet(pool: AppPool) -> Snippet:
    """A function that makes the pool."""
    lines = [
        Line("min_size", str(pool.smallest), "Stay open.", "10"),
        Line("max_size", str(pool.largest), "Most connections of this process.", "10"),
        Line(
            "max_inactive_connection_lifetime",
            number(IDLE_SECONDS),
            "Seconds. Closed before a firewall forgets a silent connection; also those of min_size,"
            " which come back when they are needed.",
            "300",
        ),
        Line(
            "timeout",
            str(pool.connect_seconds),
            "Seconds for connecting. A server that does not answer is given up in time.",
            "60",
        ),
        Line(
            "command_timeout",
            number(pool.request_seconds),
            "Seconds for one statement, as long as a request may take; the server's"
            " statement_timeout should end it before.",
            "None (for ever)",
        ),
    ]
    if not pool.prepares:
        lines.append(
            Line(
                "statement_cache_size",
                "0",
                "Nothing stays prepared: behind this pooler the next transaction may meet another"
                " connection.",
                "100",
            )
        )
    text = f"""{heading("Needs asyncpg. The password comes from PGPASSWORD or ~/.pgpass.")}
import os

import asyncpg

# Seconds to wait for a connection; asyncpg itself would wait for ever:
#     async with pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection: ...
ACQUIRE_TIMEOUT = {number(pool.acquire_seconds)}


async def make_pool() -> asyncpg.Pool:
    return await asyncpg.create_pool(
        os.environ["DATABASE_URL"],
{block(lines, keyword, margin=" " * 8)}
    )
"""
    notes = (
        ()
        if pool.prepares
        else (
            "copy_records_to_table names a statement even so (asyncpg issue 1219): use it without"
            " the pooler",
        )
    )
    return Snippet("database.py", "python", text, tuple(lines), DOCUMENT, notes)
