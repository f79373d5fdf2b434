"""Nearly all connections that may be are taken."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import ratio_text


@check("mongo.connections-near-limit", tags=("connections",))
def connections_near_limit(
    status: Status, *, warning_ratio: float = 0.8, critical_ratio: float = 0.95
) -> Iterator[Finding]:
    """Nearly all connections that may be are taken.

    Why: The next client is refused, and so is the member that wants to replicate.

    Mistaken when: Pools hold them on purpose and nobody else connects.

    Remedy: Smaller pools: maxPoolSize times processes must fit; dbtune pool-size derives it.
    """
    used, free = status.number("connections.current"), status.number("connections.available")
    if used < warning_ratio * (used + free):
        return
    yield Finding(
        "connections",
        f"{used:,.0f} of {used + free:,.0f} connections ({ratio_text(used / (used + free))})",
        Remedy(
            "Make maxPoolSize smaller; raise net.maxIncomingConnections and the limit on files."
        ),
        {"current": used, "available": free},
        level=Level.critical if used >= critical_ratio * (used + free) else Level.warning,
    )
