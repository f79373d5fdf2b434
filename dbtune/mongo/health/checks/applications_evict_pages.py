"""Operations have to evict pages from the cache themselves."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.applications-evict-pages", tags=("cache",))
def applications_evict_pages(status: Status, *, min_per_second: float = 10) -> Iterator[Finding]:
    """Operations have to evict pages from the cache themselves.

    Why: They wait for room, and often for the disk, before they do their own work.

    Mistaken when: It was for a moment, during a bulk load.

    Remedy: A larger cache, or a smaller working set: dbtune suggest-indexes.
    """
    evicted = status.grown("wiredTiger.cache.pages evicted by application threads")
    if evicted / status.seconds < min_per_second:
        return
    yield Finding(
        "WiredTiger cache",
        f"{evicted / status.seconds:,.0f} pages a second were evicted by operations themselves",
        Remedy("Give the cache more memory, or make the working set smaller."),
        {"pages": evicted, "seconds": status.seconds},
    )
