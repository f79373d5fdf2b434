"""Writes conflict and are tried again."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status

_COUNTED = ("metrics.operation.writeConflicts", "wiredTiger.transaction.update conflicts")


@check("mongo.writes-conflict", tags=("concurrency",))
def writes_conflict(
    status: Status, *, min_per_second: float = 1, min_ratio: float = 0.05
) -> Iterator[Finding]:
    """Writes conflict and are tried again.

    Why: Many sessions change the same documents at once: CPU goes into work that is thrown
        away.

    Mistaken when: A counter or queue document is hot by design.

    Remedy: Spread hot documents, make transactions short.
    """
    # An operation's own conflicts are counted when it ends: the engine knows of them meanwhile.
    conflicts = max(map(status.grown, _COUNTED))
    writes = sum(status.grown(f"opcounters.{kind}") for kind in ("insert", "update", "delete"))
    if conflicts / status.seconds < min_per_second or conflicts < min_ratio * max(writes, 1):
        return
    yield Finding(
        "documents",
        f"{conflicts:,.0f} write conflicts beside {writes:,.0f} writes",
        Remedy("See which documents are hot: dbtune slow-queries shows the shapes."),
        {"conflicts": conflicts, "writes": writes, "seconds": status.seconds},
    )
