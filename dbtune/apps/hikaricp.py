"""HikariCP: a properties file for ``new HikariConfig("hikari.properties")``."""

from __future__ import annotations

from dbtune.apps.pool import IDLE_SECONDS, LIFETIME_SECONDS, PROBE_SECONDS, AppPool, whole
from dbtune.snippet import Line, Snippet, block, heading, milliseconds

DOCUMENT = "https://github.com/brettwooldridge/HikariCP#gear-configuration-knobs-baby"


def lines(pool: AppPool) -> tuple[Line, ...]:
    """HikariCP's settings and the driver's: ``dataSource.`` before those of pgjdbc."""
    return (
        Line(
            "maximumPoolSize",
            str(pool.largest),
            "Most connections of this process. A request that holds one must not ask for a second.",
            "10",
        ),
        Line(
            "minimumIdle",
            str(pool.smallest),
            "Stay open; the rest goes when it was idle for idleTimeout.",
            "maximumPoolSize",
        ),
        Line(
            "connectionTimeout",
            milliseconds(pool.acquire_seconds),
            "Milliseconds that a request waits for a connection, less than it may take itself.",
            "30000",
        ),
        *(
            # A pool of fixed size ignores it, and says so in the log.
            ()
            if pool.smallest == pool.largest
            else (
                Line(
                    "idleTimeout",
                    milliseconds(IDLE_SECONDS),
                    "Milliseconds. Above minimumIdle, closed before a firewall forgets them.",
                    "600000",
                ),
            )
        ),
        Line(
            "maxLifetime",
            milliseconds(LIFETIME_SECONDS),
            "Milliseconds. Shorter than what servers, poolers and firewalls put an end to.",
            "1800000",
        ),
        Line(
            "keepaliveTime",
            milliseconds(max(120, PROBE_SECONDS)),
            "Milliseconds. Idle connections are tried so often, and never silent for longer.",
            "120000 since 6.2, before 0 (never)",
        ),
        Line(
            "leakDetectionThreshold",
            milliseconds(min(max(2 * pool.request_seconds, 2), LIFETIME_SECONDS)),
            "Milliseconds. Logs who took a connection and did not give it back: twice what a"
            " request may take, at most maxLifetime.",
            "0 (never)",
        ),
        Line(
            "dataSource.connectTimeout",
            str(pool.connect_seconds),
            "Seconds (pgjdbc). A server that does not answer is given up in time.",
            "10",
        ),
        Line(
            "dataSource.socketTimeout",
            str(whole(2 * pool.request_seconds)),
            "Seconds (pgjdbc). A read that gets nothing for twice a request's time is dead.",
            "0 (for ever)",
        ),
        Line("dataSource.tcpKeepAlive", "true", "Dead peers are noticed (pgjdbc).", "false"),
        *(
            ()
            if pool.prepares
            else (
                Line(
                    "dataSource.prepareThreshold",
                    "0",
                    "Nothing stays prepared: behind this pooler the next transaction may meet"
                    " another connection (pgjdbc).",
                    "5",
                ),
            )
        ),
    )


def snippet(pool: AppPool) -> Snippet:
    """The properties file; the URL and the password come from the program's environment."""
    settings = lines(pool)
    text = f"""{heading("hikari.properties for HikariCP 5 and later with pgjdbc.")}
# URL, user and password from the environment, not from this file:
#   var config = new HikariConfig("hikari.properties");
#   config.setJdbcUrl(System.getenv("JDBC_DATABASE_URL"));
#   config.setUsername(System.getenv("PGUSER"));
#   config.setPassword(System.getenv("PGPASSWORD"));
{block(settings, lambda line: f"{line.name}={line.value}")}
"""
    return Snippet("hikari.properties", "properties", text, settings, DOCUMENT, NOTES)


NOTES = (
    "HikariCP's own advice of cores * 2 + 1 is for work that never waits: where transactions wait"
    " for locks, disks or the client it gives away most of the throughput",
)
