"""Very many cursors are open."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.cursors-open", tags=("cursors",))
def cursors_open(
    status: Status, *, min_open: float = 10_000, min_for_ever: float = 100
) -> Iterator[Finding]:
    """Very many cursors are open.

    Why: Each holds memory and pins pages in the cache.

    Mistaken when: Many change streams are open on purpose.

    Remedy: Limit results, close cursors, avoid noCursorTimeout.
    """
    total = status.number("metrics.cursor.open.total")
    for_ever = status.number("metrics.cursor.open.noTimeout")
    if total < min_open and for_ever < min_for_ever:
        return
    yield Finding(
        "cursors",
        f"{total:,.0f} cursors are open, {for_ever:,.0f} of them without a time limit",
        Remedy("Close cursors, and do not set noCursorTimeout."),
        {"open": total, "no_timeout": for_ever},
    )
