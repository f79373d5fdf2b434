"""redis.family-not-evictable"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.cache.facts import Family
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text, plain, ratio_text, shorten


@check("redis.family-not-evictable", confidence=Confidence.estimated, tags=("cache", "memory"))
def family_not_evictable(
    families: Sequence[Family],
    info: Info,
    *,
    min_no_ttl_ratio: float = 0.9,
    min_limit_ratio: float = 0.2,
) -> Iterator[Finding]:
    """A family without TTL takes much of the memory, and the policy evicts only keys with one.

    Why: Only the other keys make room: the part of the memory that is a cache gets smaller as the
    family grows, until writes are refused.

    Mistaken when: It is a store that must stay, and bounded.

    Remedy: A TTL for it, allkeys-lfu if it may go, or a server of its own.
    """
    policy, limit = info.text("maxmemory_policy"), info.number("maxmemory")
    if not policy.startswith("volatile-") or not limit:
        return
    for one in families:
        share = one.size / limit
        if one.no_ttl_ratio < min_no_ttl_ratio or share < min_limit_ratio:
            continue
        yield Finding(
            shorten(plain(one.pattern), 200),
            f"{bytes_text(one.size)}, {ratio_text(share)} of maxmemory, can't be evicted under "
            f"{plain(policy)}",
            Remedy("Give it a TTL, or a server of its own; allkeys-lfu if it may go."),
            {"size_bytes": one.size, "limit_ratio": share, "no_ttl_ratio": one.no_ttl_ratio},
        )
