"""redis.cache-thrashes"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.cache.table import lifetime_seconds
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text, ratio_text


@check("redis.cache-thrashes", tags=("cache", "memory"))
def cache_thrashes(
    info: Info,
    *,
    min_evicted_per_second: float = 1.0,
    max_lifetime_seconds: float = 300.0,
    max_hit_ratio: float = 0.9,
    min_fallen_ratio: float = 0.1,
) -> Iterator[Finding]:
    """Keys are thrown out soon after they were stored.

    Why: What is computed and stored is gone before it is asked for again: the cache costs work and
    saves little.

    Mistaken when: Most keys are asked for within seconds, or never again, and the hit ratio is
    good enough.

    Remedy: More memory; do not store what is asked for once; an LFU policy, which keeps what is
    used often when much passes through.
    """
    evicted = info.grown("evicted_keys") / info.seconds
    hits, misses = info.grown("keyspace_hits"), info.grown("keyspace_misses")
    life = lifetime_seconds(info)
    if evicted < min_evicted_per_second or life is None or not hits + misses:
        return
    ratio = hits / (hits + misses)
    before_hits = info.before.get("keyspace_hits", 0.0)
    before = before_hits + info.before.get("keyspace_misses", 0.0)
    earlier = before_hits / before if before else ratio
    fallen = earlier - ratio >= min_fallen_ratio
    if not fallen and (life > max_lifetime_seconds or ratio > max_hit_ratio):
        return
    falling = f", and was {ratio_text(earlier)} before" if fallen else ""
    policy = info.text("maxmemory_policy")
    yield Finding(
        "evictions",
        f"{evicted:,.1f} keys are evicted a second, a key lives for {ms_text(life * 1000)} on "
        f"average, and the hit ratio is {ratio_text(ratio)}{falling}",
        Remedy(
            "Give it more memory (see what it would buy), or store less: not what is asked for "
            "once." + ("" if "lfu" in policy else " An LFU policy keeps what is used often."),
            config="" if "lfu" in policy else "maxmemory-policy allkeys-lfu",
            effect="" if "lfu" in policy else "At once; counters start anew, and take a while.",
        ),
        {
            "evicted_per_second": evicted,
            "lifetime_seconds": life,
            "hit_ratio": ratio,
            "hit_ratio_before": earlier,
        },
        level=Level.critical if ratio < 0.3 else None,
    )
