"""Rails: ``config/database.yml``."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, entry, heading, number

DOCUMENT = "https://guides.rubyonrails.org/configuring.html#database-pooling"


def snippet(pool: AppPool) -> Snippet:
    """The production entry."""
    lines = [
        Line(
            # Rails 8.1 refuses pool beside min_connections.
            "max_connections",
            str(pool.largest),
            "Most connections of this process (pool before Rails 8.1). With fewer than Puma's"
            " threads and those of jobs in the process, threads wait for each other.",
            "5",
        ),
        Line("min_connections", str(pool.smallest), "Stay open.", "0"),
        Line(
            "checkout_timeout",
            number(pool.acquire_seconds),
            "Seconds that a request waits for a connection, less than it may take itself.",
            "5",
        ),
        Line(
            "idle_timeout",
            str(IDLE_SECONDS),
            "Seconds. Closed before a firewall forgets a silent connection.",
            "300",
        ),
        Line(
            "max_age",
            str(LIFETIME_SECONDS),
            "Seconds. Shorter than what servers, poolers and firewalls put an end to.",
            "for ever",
        ),
        Line(
            "keepalive",
            str(IDLE_SECONDS),
            "Seconds. Those that stay open are tried before a firewall forgets them.",
            "600",
        ),
        Line(
            "connect_timeout",
            str(pool.connect_seconds),
            "Seconds. A server that does not answer is given up in time.",
            "none (the system's, about 130)",
        ),
    ]
    if pool.pooler:
        if not pool.prepares:
            lines.append(
                Line(
                    "prepared_statements",
                    "false",
                    "Nothing stays prepared: behind this pooler the next transaction may meet"
                    " another connection.",
                    "true",
                )
            )
        lines.append(
            Line(
                "advisory_locks",
                "false",
                "Migrations would take their lock on one connection and release it on another; run"
                " them one at a time, or without the pooler.",
                "true",
            )
        )
    text = f"""{heading("config/database.yml for Rails 8.1 and later.")}
production:
  adapter: postgresql
  encoding: unicode
  # postgresql://user@host/database; the password from PGPASSWORD or ~/.pgpass
  url: <%= ENV["DATABASE_URL"] %>
{block(lines, entry, margin="  ")}
"""
    notes = [
        f"Rails 8.0 and earlier: pool: {pool.largest} in place of max_connections; they ignore"
        " min_connections, max_age and keepalive",
    ]
    if pool.pooler:
        notes.append(
            "put no variables: into database.yml: Rails SETs them, and behind a pooler other"
            " clients would get them"
        )
    if pool.pooler and pool.prepares:
        # PostgreSQLAdapter#supports_close_prepared?
        notes.append(
            "prepared statements behind PgBouncer need Rails 8.1, pg 1.6 with libpq 17, and"
            " PostgreSQL 17: otherwise Rails drops them by DEALLOCATE, which PgBouncer does not"
            " follow; with older ones, prepared_statements: false"
        )
    return Snippet("database.yml", "yaml", text, tuple(lines), DOCUMENT, tuple(notes))
