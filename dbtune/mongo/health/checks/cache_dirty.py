"""Much of the cache waits to be written."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import bytes_text, ratio_text


@check("mongo.cache-dirty", tags=("cache", "io"))
def cache_dirty(
    status: Status, *, warning_ratio: float = 0.1, critical_ratio: float = 0.2
) -> Iterator[Finding]:
    """Much of the cache waits to be written.

    Why: Above 20 % applications' own threads have to write pages before they may go on.

    Mistaken when: A bulk load is running.

    Remedy: A faster disk, or less writing at a time.
    """
    dirty = status.number("wiredTiger.cache.tracked dirty bytes in the cache")
    size = status.number("wiredTiger.cache.maximum bytes configured")
    if not size or dirty < warning_ratio * size:
        return
    yield Finding(
        "WiredTiger cache",
        f"{ratio_text(dirty / size)} of the cache ({bytes_text(dirty)}) is dirty",
        Remedy("See the disk's load; write in smaller batches."),
        {"dirty_bytes": dirty, "cache_bytes": size},
        level=Level.critical if dirty >= critical_ratio * size else Level.warning,
    )
