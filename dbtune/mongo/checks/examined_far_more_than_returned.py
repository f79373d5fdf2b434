"""mongo.examined-far-more-than-returned"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.checks import index_advice, result_text, subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.examined-far-more-than-returned")
def examined_far_more_than_returned(
    queries: Sequence[Query],
    *,
    min_ratio: float = 10,
    min_wasted_docs_per_call: float = 500,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """The index that a query uses finds far more documents than match.

    Why: Each document that is fetched and thrown away is a read that a better index would not do.

    Mistaken when: The conditions can't be served by an index (a part of an array element, a
    comparison of two fields), or the query skips documents on purpose.

    Remedy: Extend the index by the other fields of the filter, or reorder it: fields compared for
    equality first.

    Verify: explain("executionStats") with the index and without it.
    """
    for query in queries:
        one, shape = query.statement, query.shape
        # Whole scans, sorts and skips have findings of their own; counts don't tell what matched.
        if query.collection_scans or query.memory_sorts or query.max_skip or shape.reduces:
            continue
        if one.rows is None or not shape.filtered:
            continue
        docs = one.docs_examined or 0
        ratio = docs / max(one.calls, one.rows)  # no row at all is as good as one a call
        if ratio < min_ratio or (docs - one.rows) / one.calls < min_wasted_docs_per_call:
            continue
        if time_share(query, queries) < min_time_share:
            continue
        yield Finding(
            subject=subject(query),
            message=(
                f"examined {count_text(round(docs / one.calls))} documents a call by "
                f"{one.plan_summary or 'its plan'} {result_text(query)}"
            ),
            evidence={
                "calls": round(one.calls),
                "docs_examined_per_call": docs / one.calls,
                "keys_examined_per_call": (one.keys_examined or 0) / one.calls,
                "rows_per_call": one.rows / one.calls,
                "plan_summary": one.plan_summary,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                index_advice(query),
                effect="building an index reads the collection once; each write then maintains it",
            ),
        )
