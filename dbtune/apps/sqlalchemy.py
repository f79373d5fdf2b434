"""SQLAlchemy 2 with psycopg 3: ``create_engine``."""

from __future__ import annotations

from dbtune.apps.pool import LIFETIME_SECONDS, AppPool
from dbtune.apps.psycopg_pool import connection_arguments, connection_notes
from dbtune.snippet import Line, Snippet, block, heading, item, keyword, number

DOCUMENT = "https://docs.sqlalchemy.org/en/20/core/pooling.html"


def snippet(pool: AppPool) -> Snippet:
    """An engine with a QueuePool."""
    engine = (
        Line("pool_size", str(pool.largest), "Connections that the pool keeps.", "5"),
        Line(
            "max_overflow",
            "0",
            "Further ones would be opened and closed again for each request: the size above is"
            " already what the peak needs.",
            "10",
        ),
        Line(
            "pool_use_lifo",
            "True",
            "The connection used last comes first, so that those not needed grow old and go.",
            "False",
        ),
        Line(
            "pool_timeout",
            number(pool.acquire_seconds),
            "Seconds that a request waits for a connection, less than it may take itself.",
            "30",
        ),
        Line(
            "pool_recycle",
            str(LIFETIME_SECONDS),
            "Seconds. Shorter than what servers, poolers and firewalls put an end to.",
            "-1 (never)",
        ),
        Line(
            "pool_pre_ping",
            "True",
            "A connection that died in the pool is found before a request gets it, for one round"
            " trip.",
            "False",
        ),
    )
    arguments = connection_arguments(pool)
    text = f"""{heading("Needs SQLAlchemy 2 and psycopg[binary]; also for create_async_engine.")}
import os

from sqlalchemy import create_engine

engine = create_engine(
    # postgresql+psycopg://user@host/database; the password from PGPASSWORD or ~/.pgpass
    os.environ["DATABASE_URL"],
{block(engine, keyword, margin=" " * 4)}
    connect_args={{
{block(arguments, item, margin=" " * 8)}
    }},
)
"""
    notes = [
        "each process has a pool of its own: after a fork call engine.dispose(close=False)",
        *connection_notes(pool),
    ]
    if not pool.prepares:
        notes.append(
            "with asyncpg in place of psycopg: poolclass=NullPool, and in connect_args"
            " statement_cache_size=0, prepared_statement_cache_size=0 and a"
            " prepared_statement_name_func that makes unique names"
        )
    return Snippet(
        "database.py", "python", text, (*engine, *arguments), DOCUMENT, notes=tuple(notes)
    )
