"""Rails: ``config/database.yml``."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, PROBE_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, entry, heading, number

DOCUMENT = "https://guides.rubyonrails.org/configuring.html#database-pooling"


def snippet(pool: AppPool) -> Snippet:
    """The production entry."""
    lines = [
        Line(
            "pool",
            str(pool.largest),
            "Most connections of this process (max_connections since Rails 8.1). With fewer than"
            " Puma's threads and those of jobs in the process, threads wait for each other.",
            "5",
        ),
        Line("min_connections", str(pool.smallest), "Stay open. Since Rails 8.1.", "0"),
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
            "Seconds. Shorter than what servers, poolers and firewalls put an end to. Since Rails"
            " 8.1.",
            "for ever",
        ),
        Line(
            "reaping_frequency",
            str(PROBE_SECONDS),
            "Seconds between two looks for connections to close.",
            "60 (20 since Rails 8.1)",
        ),
        Line(
            "connect_timeout",
            str(pool.connect_seconds),
            "Seconds. A server that does not answer is given up in time.",
            "130",
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
    text = f"""{heading("config/database.yml for Rails 7.1 and later.")}
production:
  adapter: postgresql
  encoding: unicode
  # postgresql://user@host/database; the password from PGPASSWORD or ~/.pgpass
  url: <%= ENV["DATABASE_URL"] %>
{block(lines, entry, margin="  ")}
"""
    notes = (
        (
            "put no variables: into database.yml: Rails SETs them, and behind a pooler other"
            " clients would get them",
        )
        if pool.pooler
        else ()
    )
    return Snippet("database.yml", "yaml", text, tuple(lines), DOCUMENT, notes)
