"""Clients connect anew all the time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info


@check("redis.connections-not-kept", tags=("connections",))
def connections_not_kept(
    info: Info, *, min_connections: float = 30, warning_per_second: float = 20
) -> Iterator[Finding]:
    """Clients connect anew all the time.

    Why: A connection costs as much as many commands.

    Mistaken when: Short-lived jobs have just run.

    Remedy: A pool in the client.
    """
    made = info.grown("total_connections_received")
    if made < min_connections or made / info.seconds < warning_per_second:
        return
    yield Finding(
        "connections",
        f"{made / info.seconds:,.1f} connections a second were opened",
        Remedy("Keep connections in a pool."),
        {"connections": made, "seconds": info.seconds},
    )
