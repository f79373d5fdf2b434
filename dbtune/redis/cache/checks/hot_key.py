"""redis.hot-key"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.cache.facts import HotKey
from dbtune.redis.facts.info import Info
from dbtune.text import plain, ratio_text, shorten


@check("redis.hot-key", confidence=Confidence.estimated, tags=("cache", "latency"))
def hot_key(
    hot_keys: Sequence[HotKey],
    info: Info,
    *,
    min_share_ratio: float = 0.1,
    min_per_second: float = 1000.0,
) -> Iterator[Finding]:
    """One key gets a large share of all look-ups.

    Why: It can't be spread over nodes: the one that has it limits what the whole does, and if it is
    missed, all its readers go to the database at once.

    Mistaken when: The server has little to do anyway.

    Remedy: Keep it in the application for a second or two (client-side caching), or as several
    copies of which each reader takes one.
    """
    lookups = (info.grown("keyspace_hits") + info.grown("keyspace_misses")) / info.seconds
    for one in hot_keys:
        share = one.per_second / lookups if lookups else 0.0
        if one.at_least or share < min_share_ratio or one.per_second < min_per_second:
            continue
        yield Finding(
            shorten(plain(one.name.decode("utf-8", "replace")), 200) or one.pattern,
            f"{one.per_second:,.0f} reads a second, {ratio_text(share)} of all look-ups",
            Remedy(
                "Cache it in the application for a second or two, or keep copies under several "
                "names."
            ),
            {"per_second": one.per_second, "share_ratio": share, "size_bytes": one.size},
        )
