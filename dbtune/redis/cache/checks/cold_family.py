"""redis.cold-family"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.cache.facts import Family
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text, ms_text, plain, ratio_text, shorten


@check(
    "redis.cold-family", level=Level.info, confidence=Confidence.estimated, tags=("cache", "ttl")
)
def cold_family(
    families: Sequence[Family],
    info: Info,
    *,
    min_share_ratio: float = 0.1,
    min_size_bytes: int = 16 << 20,
    min_idle_seconds: float = 86400.0,
    max_hits_per_share: float = 0.1,
) -> Iterator[Finding]:
    """A family takes much memory and is hardly read.

    Why: That memory could hold keys that are read; under an LRU policy the family is evicted only
    when it is the oldest.

    Mistaken when: It is no cache but a store, or is read once a week by a job that matters.

    Remedy: A shorter TTL, or no caching at all.
    """
    up = info.number("uptime_in_seconds")
    for one in families:
        if one.share_ratio < min_share_ratio or one.size < min_size_bytes:
            continue
        idle, hits = one.idle_p50_seconds, one.hits_ratio
        if idle is not None and idle >= min_idle_seconds:
            how = f"half of its keys were not read for {ms_text(idle * 1000)} or more"
        elif hits is not None and up > 3600 and hits < max_hits_per_share * one.share_ratio:
            how = f"it has {ratio_text(hits)} of the hits"
        else:
            continue
        yield Finding(
            shorten(plain(one.pattern), 200),
            f"{bytes_text(one.size)}, {ratio_text(one.share_ratio)} of the keys' memory, and {how}",
            Remedy("Give it a shorter TTL, or do not cache it."),
            {
                "size_bytes": one.size,
                "share_ratio": one.share_ratio,
                "idle_p50_seconds": idle,
                "hits_ratio": hits,
            },
        )
