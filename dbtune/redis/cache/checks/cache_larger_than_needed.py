"""redis.cache-larger-than-needed"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.cache.growth import Growth
from dbtune.text import bytes_text, ratio_text


@check(
    "redis.cache-larger-than-needed",
    level=Level.info,
    confidence=Confidence.estimated,
    tags=("cache", "memory"),
)
def cache_larger_than_needed(growth: Growth, *, max_lost_ratio: float = 0.01) -> Iterator[Finding]:
    """Half the memory would give nearly the same hit ratio.

    Why: The other half holds keys that nobody reads again; memory costs.

    Mistaken when: The time that was watched is a quiet one, or a miss is very dear.

    Remedy: Lower maxmemory in steps, and watch the hit ratio.
    """
    now, half = growth.at(1.0), growth.at(0.5)
    if now.hit_ratio - half.low_ratio > max_lost_ratio:
        return
    yield Finding(
        "maxmemory",
        f"half of {bytes_text(now.max_bytes)} would lower the hit ratio from "
        f"{ratio_text(now.hit_ratio)} to {ratio_text(half.hit_ratio)} only",
        Remedy("Lower maxmemory in steps, and watch the hit ratio after each."),
        {"hit_ratio": now.hit_ratio, "hit_ratio_half": half.hit_ratio, "low_ratio": half.low_ratio},
    )
