"""Far more documents are examined than returned."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.reads-far-more-than-it-returns", tags=("indexes",))
def reads_far_more_than_it_returns(
    status: Status, *, min_examined: float = 10_000, min_factor: float = 100
) -> Iterator[Finding]:
    """Far more documents are examined than returned.

    Why: Time and cache go into documents that nobody asked for: indexes are missing or do not
        fit.

    Mistaken when: Aggregations read many documents to return few.

    Remedy: dbtune suggest-indexes.
    """
    examined = status.grown("metrics.queryExecutor.scannedObjects")
    returned = status.grown("metrics.document.returned")
    if examined < min_examined or examined < min_factor * max(returned, 1):
        return
    yield Finding(
        "documents",
        f"{examined:,.0f} documents examined for {returned:,.0f} returned "
        f"({examined / max(returned, 1):,.0f} to 1)",
        Remedy("dbtune suggest-indexes names the indexes that are missing."),
        {"examined": examined, "returned": returned, "seconds": status.seconds},
    )
