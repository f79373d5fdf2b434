"""Nearly all connections that clients may have are taken."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.connections import Connections, Group
from dbtune.text import ratio_text


@check("pg.connections-near-limit", tags=("connections",))
def connections_near_limit(
    connections: Connections, *, warning_ratio: float = 0.8, critical_ratio: float = 0.95
) -> Iterator[Finding]:
    """Nearly all connections that clients may have are taken.

    Why: The next one is refused with "too many clients already", whoever asks: the application,
        a deployment, a person who wants to help.

    Mistaken when: A pool holds them all on purpose and nobody else connects; then the pool's size
        is the number to look at.

    Remedy: End idle connections, make pools smaller, or put a pooler in between; raising
        max_connections needs a restart and memory.
    """
    room = connections.max_connections - connections.reserved
    if room <= 0 or connections.used < warning_ratio * room:
        return
    share = connections.used / room
    idle = sum(group.idle for group in connections.groups)
    largest = connections.groups[0] if connections.groups else Group("", "", 0)
    yield Finding(
        "max_connections",
        f"{connections.used} of {room} connections are taken ({ratio_text(share)}), {idle} of them "
        f"idle; most are {largest.user or 'nobody'}'s: {largest.total}",
        Remedy(
            "Make the pools of applications smaller, or put PgBouncer in between: dbtune pool-size "
            "derives the sizes.",
            sql="SELECT pid, usename, application_name, state_change FROM pg_stat_activity\n"
            "WHERE state = 'idle' AND backend_type = 'client backend' ORDER BY state_change;",
        ),
        {
            "used": connections.used,
            "max_connections": connections.max_connections,
            "reserved": connections.reserved,
            "idle": idle,
            "used_ratio": share,
        },
        level=Level.critical if share >= critical_ratio else Level.warning,
    )
