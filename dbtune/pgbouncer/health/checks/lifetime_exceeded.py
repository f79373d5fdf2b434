"""Server connections live for much longer than server_lifetime."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.pooler import Bouncer, Servers
from dbtune.text import ms_text, plural


@check("pgbouncer.lifetime-exceeded", level=Level.info, tags=("pools",))
def lifetime_exceeded(servers: Servers, bouncer: Bouncer, *, times: float = 2) -> Iterator[Finding]:
    """Clients keep server connections for more than twice server_lifetime.

    Why: It closes only connections that no client has. The server's process keeps what it has
    cached, and after a change of address it still is at the old server. (One and a half times is
    nothing: PgBouncer spreads the ends of connections that were opened together.)

    Mistaken when: Few clients keep sessions for long on purpose.

    Remedy: pool_mode = transaction, or in the application's pool a lifetime below server_lifetime.
    """
    lifetime = bouncer.number("server_lifetime")
    if not lifetime:
        return
    old = [one for one in servers.lent if one.connected_seconds > times * lifetime]
    for who in dict.fromkeys((one.database, one.user) for one in old):
        theirs = [one for one in old if (one.database, one.user) == who]
        oldest = max(theirs, key=lambda one: one.connected_seconds)
        yield Finding(
            f"pool of {oldest.who}",
            f"{plural(len(theirs), 'server connection')} that clients have had for longer than"
            f" {times:g} × server_lifetime ({ms_text(lifetime * 1000)}); the oldest is"
            f" {ms_text(oldest.connected_seconds * 1000)} old: process {oldest.pid}, client"
            f" {oldest.application or '(no application_name)'} at {oldest.client or 'unknown'}",
            Remedy(
                "Use transaction pooling, or give connections of the application's pool a lifetime"
                f" below {ms_text(lifetime * 1000)}."
            ),
            {
                "connections": len(theirs),
                "oldest_seconds": oldest.connected_seconds,
                "server_lifetime_seconds": lifetime,
                "pid": oldest.pid,
            },
        )
