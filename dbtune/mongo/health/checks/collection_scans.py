"""Collections are read as a whole again and again."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.collection-scans", tags=("indexes",))
def collection_scans(status: Status, *, min_per_second: float = 1) -> Iterator[Finding]:
    """Collections are read as a whole again and again.

    Why: Each reads all documents through the cache, and pushes out what others need.

    Mistaken when: The collections are small, or it is a report.

    Remedy: dbtune slow-queries and dbtune suggest-indexes name the shapes and the indexes.
    """
    scans = status.grown("metrics.queryExecutor.collectionScans.nonTailable")
    rate = scans / status.seconds
    if rate < min_per_second:
        return
    yield Finding(
        "collection scans",
        f"{rate:,.1f} collection scans a second",
        Remedy("Find the shapes: dbtune slow-queries; the indexes: dbtune suggest-indexes."),
        {"collection_scans": scans, "seconds": status.seconds},
    )
