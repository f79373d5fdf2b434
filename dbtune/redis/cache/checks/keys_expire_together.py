"""redis.keys-expire-together"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.cache.facts import Family
from dbtune.text import count_text, ms_text, plain, ratio_text, shorten


@check("redis.keys-expire-together", confidence=Confidence.estimated, tags=("cache", "ttl"))
def keys_expire_together(
    families: Sequence[Family],
    *,
    min_ratio: float = 0.3,
    min_keys: int = 1000,
    min_ttl_seconds: float = 60.0,
) -> Iterator[Finding]:
    """Many keys of a family expire at about the same moment.

    Why: What they cached is then computed by all clients at once, and the database behind gets
    that load as one wave; deleting them takes the server's only thread, too.

    Mistaken when: They are meant to end together, as at midnight, and nobody reads them after.

    Remedy: Add some jitter to the TTL.
    """
    for one in families:
        together, ttl = one.together_ratio, one.ttl_p95_ms
        if together is None or ttl is None or ttl < min_ttl_seconds * 1000:
            continue
        expiring = one.keys * (1 - one.no_ttl_ratio)
        if together < min_ratio or together * expiring < min_keys:
            continue
        yield Finding(
            shorten(plain(one.pattern), 200),
            f"{count_text(round(together * expiring))} keys ({ratio_text(together)} of those with "
            f"a TTL) expire within {ms_text(ttl / 100)} of each other",
            Remedy("Let TTLs differ: ttl * (0.9 + 0.2 * random())."),
            {"keys": round(together * expiring), "ratio": together, "ttl_p95_ms": ttl},
        )
