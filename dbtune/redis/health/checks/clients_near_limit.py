"""Nearly all connections that may be are taken."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info
from dbtune.text import ratio_text


@check("redis.clients-near-limit", tags=("connections",))
def clients_near_limit(
    info: Info, config: Config, *, warning_ratio: float = 0.8, critical_ratio: float = 0.95
) -> Iterator[Finding]:
    """Nearly all connections that may be are taken.

    Why: The next client is refused.

    Mistaken when: A pool holds them on purpose.

    Remedy: Smaller pools (dbtune pool-size); maxclients and the limit on open files.
    """
    used = info.number("connected_clients")
    limit = info.number("maxclients") or config.number("maxclients") or 0
    if not limit or used < warning_ratio * limit:
        return
    yield Finding(
        "maxclients",
        f"{used:,.0f} of {limit:,.0f} connections ({ratio_text(used / limit)})",
        Remedy("Make pools smaller; raise maxclients if the limit on open files allows."),
        {"connected_clients": used, "maxclients": limit},
        level=Level.critical if used >= critical_ratio * limit else Level.warning,
    )
