"""Npgsql (.NET): the connection string in ``appsettings.json``."""

from __future__ import annotations

import json

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, PROBE_SECONDS, AppPool, whole
from dbtune.snippet import Line, Snippet

DOCUMENT = "https://www.npgsql.org/doc/connection-string-parameters.html"
_LONGEST_TIMEOUT = 1024
"""Npgsql refuses a longer one."""


def snippet(pool: AppPool) -> Snippet:
    """A connection string; JSON has no comments, so the reasons are in the table only."""
    lines = [
        Line("Maximum Pool Size", str(pool.largest), "Most connections of this process.", "100"),
        Line("Minimum Pool Size", str(pool.smallest), "Stay open.", "0"),
        Line(
            "Timeout",
            str(min(_LONGEST_TIMEOUT, whole(pool.acquire_seconds))),
            "Seconds that a request waits for a connection, old or new.",
            "15",
        ),
        Line(
            "Command Timeout",
            str(whole(pool.request_seconds)),
            "Seconds for one statement, as long as a request may take; the server's"
            " statement_timeout should end it before.",
            "30",
        ),
        Line(
            "Connection Idle Lifetime",
            str(IDLE_SECONDS),
            "Seconds. Closed before a firewall forgets a silent connection.",
            "300",
        ),
        Line(
            "Connection Lifetime",
            str(LIFETIME_SECONDS),
            "Seconds. Shorter than what servers, poolers and firewalls put an end to.",
            "3600 (0, for ever, before Npgsql 9)",
        ),
        Line(
            "Keepalive",
            str(PROBE_SECONDS),
            "Seconds. Idle connections are tried so often: dead ones are found before a request"
            " gets them.",
            "0 (never)",
        ),
    ]
    if pool.pooler:
        lines.append(
            Line(
                "No Reset On Close",
                "true",
                "DISCARD ALL would reset whatever connection the pooler gives next; PgBouncer"
                " resets nothing between transactions, and nothing has to be.",
                "false",
            )
        )
    if not pool.prepares:
        lines.append(
            Line(
                "Max Auto Prepare",
                "0",
                "Nothing stays prepared: behind this pooler the next transaction may meet another"
                " connection.",
                "0",
            )
        )
    settings = ";".join(f"{line.name}={line.value}" for line in lines)
    text = json.dumps({"ConnectionStrings": {"Default": settings}}, indent=2) + "\n"
    notes = (
        "append Host, Database and Username at start-up, and let PGPASSWORD or PGPASSFILE give the"
        " password: new NpgsqlConnectionStringBuilder(string) { Host = ... }",
    )
    return Snippet("appsettings.json", "json", text, tuple(lines), DOCUMENT, notes)
