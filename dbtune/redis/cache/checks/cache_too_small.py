"""redis.cache-too-small"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.cache.growth import Growth
from dbtune.text import bytes_text, ratio_text


@check("redis.cache-too-small", confidence=Confidence.estimated, tags=("cache", "memory"))
def cache_too_small(growth: Growth, *, min_misses_saved_ratio: float = 0.2) -> Iterator[Finding]:
    """More memory would save many misses.

    Why: Each miss is a query that the database behind answers, again and again for keys that were
    thrown out for want of room.

    Mistaken when: Keys are read in turn, as batch jobs do: then nothing short of room for all of
    them helps. Or the misses cost little.

    Remedy: Raise maxmemory, if the machine has it; else shorter TTLs for what is seldom read, or
    smaller values.

    Verify: Raise it, wait for some times the lifetime of a key, and look at the hit ratio again.
    """
    now, then = growth.at(1.0), growth.at(2.0)
    misses = 1 - now.hit_ratio
    saved = (then.low_ratio - now.hit_ratio) / misses if misses else 0.0
    if saved < min_misses_saved_ratio:
        return
    yield Finding(
        "maxmemory",
        f"twice the memory would raise the hit ratio from {ratio_text(now.hit_ratio)} to "
        f"{ratio_text(then.hit_ratio)} ({ratio_text(then.low_ratio)} to "
        f"{ratio_text(then.high_ratio)}), and save {ratio_text(saved)} of the misses or more",
        Remedy(
            "Raise maxmemory, if the machine has room for it and for what the server takes beside.",
            config=f"maxmemory {then.max_bytes}",
            effect="CONFIG SET maxmemory takes effect at once, without a restart.",
        ),
        {
            "hit_ratio": now.hit_ratio,
            "hit_ratio_double": then.hit_ratio,
            "low_ratio": then.low_ratio,
            "high_ratio": then.high_ratio,
            "maxmemory": bytes_text(now.max_bytes),
            "fit_error_ratio": growth.error_ratio,
        },
    )
