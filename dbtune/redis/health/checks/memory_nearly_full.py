"""Memory is nearly at maxmemory and nothing can be evicted."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text, ratio_text


@check("redis.memory-nearly-full", tags=("memory",))
def memory_nearly_full(
    info: Info, config: Config, *, warning_ratio: float = 0.9, critical_ratio: float = 0.97
) -> Iterator[Finding]:
    """Memory is nearly at maxmemory and nothing can be evicted.

    Why: At the limit every write is refused with OOM.

    Mistaken when: It is a store that does not grow any more.

    Remedy: More maxmemory, fewer keys, TTLs, or a policy that evicts.
    """
    limit, used = info.number("maxmemory"), info.number("used_memory")
    policy = config.text("maxmemory-policy")
    keys, expiring = info.keys
    if not limit or used < warning_ratio * limit or evicts(info, policy):
        return
    yield Finding(
        "maxmemory",
        f"{ratio_text(used / limit)} of maxmemory ({bytes_text(limit)}) are used; the policy is "
        f"{policy}, {expiring:,} of {keys:,} keys have a TTL",
        Remedy("Raise maxmemory, delete what is not needed, or let keys be evicted."),
        {"used_memory_bytes": used, "maxmemory_bytes": limit},
        level=Level.critical if used >= critical_ratio * limit else Level.warning,
    )


def evicts(info: Info, policy: str) -> bool:
    """Whether keys make room for others, so that full memory is as it should be."""
    keys, expiring = info.keys
    return policy != "noeviction" and not (policy.startswith("volatile") and expiring < 0.05 * keys)
