"""PgBouncer opens its server connections anew all the time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Bouncer, Servers
from dbtune.text import ms_text, plural


@check("pgbouncer.servers-not-kept", tags=("pools",))
def servers_not_kept(
    servers: Servers,
    bouncer: Bouncer,
    *,
    min_connections: int = 3,
    most_seconds: float = 60,
    max_kept: float = 0.1,
) -> Iterator[Finding]:
    """Of the server connections of a moment ago, hardly one is left, and as many are there.

    Why: A pooler is there to keep connections. Each new one costs the server a process, a login and
    empty caches, and a transaction the wait for it.

    Mistaken when: PgBouncer was told to RECONNECT, or the server was restarted, in between.

    Remedy: A longer server_lifetime and server_idle_timeout; the server's log tells if it is the
    server that ends them (idle_session_timeout, errors).
    """
    now = len(servers.ages_seconds)
    if not 0 < servers.seconds <= most_seconds or min(servers.before, now) < min_connections:
        return
    if servers.kept > max_kept * servers.before:
        return
    lifetime, idle = bouncer.number("server_lifetime"), bouncer.number("server_idle_timeout")
    yield Finding(
        "server connections",
        f"of {plural(servers.before, 'server connection')} {servers.kept or 'none'} was left after"
        f" {ms_text(servers.seconds * 1000)}, and {now} are there: they are opened all the time",
        Remedy(
            "Keep connections for longer, if it is PgBouncer that closes them:",
            config="server_lifetime = 3600\nserver_idle_timeout = 600",
            effect="RELOAD",
        ),
        {
            "before": servers.before,
            "kept": servers.kept,
            "now": now,
            "seconds": servers.seconds,
            "server_lifetime_seconds": lifetime,
            "server_idle_timeout_seconds": idle,
        },
    )
