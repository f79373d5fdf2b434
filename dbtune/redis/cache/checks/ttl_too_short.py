"""redis.ttl-too-short"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.cache.facts import Family
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text, plain, ratio_text, shorten


@check("redis.ttl-too-short", confidence=Confidence.estimated, tags=("cache", "ttl"))
def ttl_too_short(
    info: Info,
    families: Sequence[Family],
    *,
    min_lookups: int = 1000,
    max_hit_ratio: float = 0.9,
    min_expired_ratio: float = 0.5,
    max_used_ratio: float = 0.8,
) -> Iterator[Finding]:
    """Keys expire and are missed, although there is memory for them.

    Why: What was cached is computed again, with room left in which it could have stayed.

    Mistaken when: The data must not be older than that; or what expires is never asked for again,
    and other keys are missed.

    Remedy: Longer TTLs where data may be older, or delete a key when its data change.
    """
    hits, misses = info.grown("keyspace_hits"), info.grown("keyspace_misses")
    expired, evicted = info.grown("expired_keys"), info.grown("evicted_keys")
    if hits + misses < min_lookups or hits > max_hit_ratio * (hits + misses):
        return
    limit = info.number("maxmemory")
    full = bool(limit) and info.number("used_memory") > max_used_ratio * limit
    if evicted > 0.1 * expired or full or expired < min_expired_ratio * misses:
        return
    brief = [one for one in families if one.ttl_p95_ms is not None and one.no_ttl_ratio < 0.5]
    brief.sort(key=lambda one: (one.ttl_p95_ms or 0.0, one.pattern))
    which = ", ".join(
        f"{shorten(plain(one.pattern), 60)} (at most about {ms_text(one.ttl_p95_ms or 0)})"
        for one in brief[:3]
    )
    yield Finding(
        "expiry",
        f"{ratio_text(1 - hits / (hits + misses))} of the look-ups miss, and {expired:,.0f} keys "
        f"expired while {misses:,.0f} were missed",
        Remedy(f"Let keys live longer where their data may be older. Shortest: {which}."),
        {
            "hit_ratio": hits / (hits + misses),
            "expired_keys": expired,
            "missed_keys": misses,
            "evicted_keys": evicted,
        },
    )
