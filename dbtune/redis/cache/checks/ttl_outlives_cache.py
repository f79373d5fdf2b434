"""redis.ttl-outlives-cache"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.cache.facts import Family
from dbtune.redis.cache.table import lifetime_seconds
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text, plain, ratio_text, shorten


@check(
    "redis.ttl-outlives-cache",
    level=Level.info,
    confidence=Confidence.estimated,
    tags=("cache", "ttl"),
)
def ttl_outlives_cache(
    families: Sequence[Family],
    info: Info,
    *,
    min_times: float = 10.0,
    min_share_ratio: float = 0.05,
    min_seen: int = 100,
) -> Iterator[Finding]:
    """Keys of a family are evicted long before their time is over.

    Why: Their TTL decides nothing: the eviction policy does, and takes keys of other families as
    well, which are read more.

    Mistaken when: The TTL is only there for what must not be served when it is old.

    Remedy: A TTL near the time within which keys of the family are read again: they then go first,
    and leave room for others.
    """
    evicted = info.grown("evicted_keys") / info.seconds
    life = lifetime_seconds(info)
    if life is None or evicted * info.seconds < 1:
        return
    for one in families:
        if one.seen < min_seen or one.share_ratio < min_share_ratio or one.ttl_p50_ms is None:
            continue
        if one.no_ttl_ratio > 0.5 or one.ttl_p50_ms < min_times * life * 1000:
            continue
        idle = one.idle_p95_seconds
        advice = (
            f" 95 % of what is cached was read within the last {ms_text(idle * 1000)}: about that, "
            "or as long as its data may be old, is a TTL that means something."
            if idle
            else ""
        )
        yield Finding(
            shorten(plain(one.pattern), 200),
            f"keys have {ms_text(one.ttl_p50_ms)} left (median), but a key of this server is gone "
            f"after {ms_text(life * 1000)} on average; {ratio_text(one.share_ratio)} of the memory "
            "is theirs",
            Remedy(f"Shorten the TTL of what is seldom read, or give it more memory.{advice}"),
            {
                "ttl_p50_ms": one.ttl_p50_ms,
                "lifetime_seconds": life,
                "idle_p95_seconds": idle,
                "share_ratio": one.share_ratio,
            },
        )
