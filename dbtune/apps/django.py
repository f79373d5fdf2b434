"""Django 5.1 and later with psycopg 3: ``DATABASES`` in ``settings.py``."""

from __future__ import annotations

from dataclasses import replace

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, AppPool
from dbtune.apps.psycopg_pool import connection_arguments
from dbtune.snippet import Line, Snippet, block, heading, item, number

DOCUMENT = "https://docs.djangoproject.com/en/stable/ref/databases/#connection-pool"


def snippet(pool: AppPool) -> Snippet:
    """The database entry with a pool of psycopg_pool for each process."""
    entry = (
        Line(
            "CONN_MAX_AGE",
            "0",
            "The pool keeps connections; Django refuses to keep them as well, and under ASGI it"
            " would leak one for each thread.",
            "0",
        ),
        Line(
            "CONN_HEALTH_CHECKS",
            "True",
            "A connection that died in the pool is found before a request gets it.",
            "False",
        ),
        Line(
            "DISABLE_SERVER_SIDE_CURSORS",
            str(pool.pooler),
            ".iterator() opens a cursor that outlives its transaction: behind a pooler another"
            " connection would be asked for its rows."
            if pool.pooler
            else ".iterator() may read large results in parts: there is no pooler in between.",
            "False",
        ),
    )
    sizes = (
        Line("min_size", str(pool.smallest), "Stay open.", "4"),
        Line(
            "max_size",
            str(pool.largest),
            "Most connections of this process; each worker of Gunicorn or Celery has a pool of its"
            " own.",
            "min_size",
        ),
        Line(
            "timeout",
            number(pool.acquire_seconds),
            "Seconds that a request waits for a connection, less than it may take itself.",
            "30",
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
    )
    # Django turns prepared statements off itself.
    connection = connection_arguments(replace(pool, prepares=True))
    text = f"""{heading("Into settings.py. Needs Django 5.1 or later and psycopg[binary,pool].")}
import os

DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "NAME": os.environ.get("PGDATABASE", ""),
        "USER": os.environ.get("PGUSER", ""),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
{block(entry, item, margin=" " * 8)}
        "OPTIONS": {{
{block(connection, item, margin=" " * 12)}
            "pool": {{
{block(sizes, item, margin=" " * 16)}
            }},
        }},
    }}
}}
"""
    notes = [
        'Django 5.0 and earlier have no pool: without "pool", CONN_MAX_AGE = '
        f"{LIFETIME_SECONDS} keeps one connection for each thread; with it, CONN_MAX_AGE stays 0"
    ]
    if pool.pooler:
        notes.append(
            "Django prepares no statements unless server_side_binding is on: any PgBouncer will do"
        )
    return Snippet(
        "settings.py",
        "python",
        text,
        (*entry, *connection, *sizes),
        DOCUMENT,
        tuple(notes),
    )
