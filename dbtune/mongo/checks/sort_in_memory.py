"""mongo.sort-in-memory"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.mongo.checks import index_advice, result_text, subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.sort-in-memory", confidence=Confidence.estimated)
def sort_in_memory(
    queries: Sequence[Query],
    *,
    min_docs_per_sort: float = 1000,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """Documents are fetched and sorted in memory, because no index has them in order.

    Why: Every matching document is read before the first is returned, also for a small limit; over
    100 MB the sort spills to disk or fails.

    Mistaken when: Many conditions thin out the documents after they are fetched: then fewer are
    sorted than were examined. A sort of index keys alone, with the documents fetched after it, is
    cheap and is left out.

    Remedy: An index that has the sort key, with its directions, behind the fields that are
    compared for equality.

    Verify: explain("executionStats") with the index and without it.
    """
    for query in queries:
        one = query.statement
        if not query.memory_sorts or not query.shape.sort:
            continue
        per_sort = query.memory_sort_docs / query.memory_sorts
        # As many documents as rows: the keys were sorted in the index, only survivors fetched.
        fetched_after = "COLLSCAN" not in one.plan_summary and (
            (one.docs_examined or 0) <= (one.rows or 0)
        )
        if per_sort < min_docs_per_sort or fetched_after:
            continue
        if time_share(query, queries) < min_time_share:
            continue
        yield Finding(
            subject=subject(query),
            message=(
                f"{count_text(query.memory_sorts)} of {count_text(round(one.calls))} calls sorted "
                f"in memory: {count_text(round(per_sort))} documents examined on average "
                f"{result_text(query)}"
            ),
            evidence={
                "calls": round(one.calls),
                "memory_sorts": query.memory_sorts,
                "docs_examined_per_sort": per_sort,
                "rows_per_call": (one.rows or 0) / one.calls,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                index_advice(query),
                effect="building an index reads the collection once; each write then maintains it",
            ),
        )
