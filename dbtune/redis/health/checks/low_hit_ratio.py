"""Most look-ups find nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ratio_text


@check("redis.low-hit-ratio", tags=("cache",))
def low_hit_ratio(
    info: Info,
    *,
    min_lookups: float = 1000,
    warning_ratio: float = 0.8,
    critical_ratio: float = 0.5,
) -> Iterator[Finding]:
    """Most look-ups find nothing.

    Why: The cache costs a round trip and saves no work behind it.

    Mistaken when: It is no cache: existence is what is asked (locks, sets of what was seen).

    Remedy: Longer TTLs if keys expire, more memory if they are evicted, else cache also what is
        not there.
    """
    hits, misses = info.grown("keyspace_hits"), info.grown("keyspace_misses")
    if hits + misses < min_lookups or hits >= warning_ratio * (hits + misses):
        return
    evicted, expired = info.grown("evicted_keys"), info.grown("expired_keys")
    reason = (
        "keys are evicted: it is too small"
        if evicted > 0.1 * misses
        else "keys expire first: TTLs are short"
        if expired > 0.1 * misses
        else "most were never there"
    )
    share = hits / (hits + misses)
    yield Finding(
        "keyspace",
        f"{ratio_text(share)} of {hits + misses:,.0f} look-ups hit; {reason}",
        Remedy("See which keys miss, then act on the reason."),
        {"hits": hits, "misses": misses, "evicted": evicted, "expired": expired},
        level=Level.warning if share < critical_ratio else Level.info,
    )
