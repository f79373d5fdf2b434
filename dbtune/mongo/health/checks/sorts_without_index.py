"""Many results are sorted in memory."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.sorts-without-index", level=Level.info, tags=("indexes", "memory"))
def sorts_without_index(status: Status, *, min_per_second: float = 10) -> Iterator[Finding]:
    """Many results are sorted in memory.

    Why: Each takes up to 100 MB, and returns nothing before all is read.

    Mistaken when: Results are small.

    Remedy: An index that has the order behind the equality fields.
    """
    sorts = status.grown("metrics.operation.scanAndOrder")
    if sorts / status.seconds < min_per_second:
        return
    yield Finding(
        "sorts",
        f"{sorts / status.seconds:,.1f} sorts a second that no index made unnecessary",
        Remedy("Put the sort's fields behind the equality fields: dbtune suggest-indexes."),
        {"sorts": sorts, "seconds": status.seconds},
    )
