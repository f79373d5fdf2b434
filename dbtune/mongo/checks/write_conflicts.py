"""mongo.write-conflicts"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.checks import subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.write-conflicts")
def write_conflicts(
    queries: Sequence[Query], *, min_conflicts: int = 10, min_conflicts_per_call: float = 1
) -> Iterator[Finding]:
    """Writes start again and again, because others write the same documents.

    Why: Each conflict throws the work of a write away and repeats it; throughput falls as more
    clients write.

    Mistaken when: A long transaction or an index build held the documents once, and it is over.

    Remedy: Spread what is written over several documents (counters in buckets), collect changes
    and write them together, keep transactions short.
    """
    for query in queries:
        one = query.statement
        per_call = query.write_conflicts / one.calls
        if query.write_conflicts < min_conflicts or per_call < min_conflicts_per_call:
            continue
        yield Finding(
            subject=subject(query),
            message=(
                f"{count_text(query.write_conflicts)} write conflicts in "
                f"{count_text(round(one.calls))} calls, {count_text(round(per_call, 1))} each"
            ),
            evidence={
                "calls": round(one.calls),
                "write_conflicts": query.write_conflicts,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                "Find which documents all clients write (a counter, a status, a queue's head) and "
                "spread or batch those writes; keep transactions around them short.",
                effect="a change in the application",
            ),
        )
