"""WiredTiger's cache is nearly full."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import bytes_text, ratio_text


@check("mongo.cache-nearly-full", tags=("cache", "memory"))
def cache_nearly_full(
    status: Status, *, warning_ratio: float = 0.9, critical_ratio: float = 0.97
) -> Iterator[Finding]:
    """WiredTiger's cache is nearly full.

    Why: Beyond 95 % applications' own threads have to evict pages: every operation may wait for
        the disk.

    Mistaken when: Eviction keeps it at 80 % as it is meant to; only above that is it behind.

    Remedy: More cache or RAM, fewer and smaller indexes, working set in mind.
    """
    used = status.number("wiredTiger.cache.bytes currently in the cache")
    size = status.number("wiredTiger.cache.maximum bytes configured")
    if not size or used < warning_ratio * size:
        return
    yield Finding(
        "WiredTiger cache",
        f"{ratio_text(used / size)} of {bytes_text(size)} are taken",
        Remedy("See which collections and indexes are read; give it more memory."),
        {"used_bytes": used, "cache_bytes": size},
        level=Level.critical if used >= critical_ratio * size else Level.warning,
    )
