"""Most connections have not been used for an hour."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.clients import Clients
from dbtune.redis.facts.config import Config
from dbtune.text import ms_text


@check("redis.clients-mostly-idle", level=Level.info, tags=("connections",))
def clients_mostly_idle(
    clients: Clients,
    config: Config,
    *,
    min_clients: int = 100,
    min_ratio: float = 0.5,
    min_idle_seconds: float = 3600,
) -> Iterator[Finding]:
    """Most connections have not been used for an hour.

    Why: They hold memory and a place under maxclients.

    Mistaken when: It is a quiet hour.

    Remedy: Smaller pools; a timeout ends what nobody uses.
    """
    idle = sum(one >= min_idle_seconds for one in clients.idle_seconds)
    if clients.total < min_clients or idle < min_ratio * clients.total:
        return
    if (config.number("timeout") or 0) > 0:
        return
    yield Finding(
        "connections",
        f"{idle:,} of {clients.total:,} connections were idle for "
        f"{ms_text(min_idle_seconds * 1000)}",
        Remedy("Make pools smaller, or end idle connections.", config="timeout 3600"),
        {"idle": idle, "total": clients.total},
    )
