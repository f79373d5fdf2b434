"""mongo.collection-scan"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.checks import index_advice, result_text, subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.collection-scan")
def collection_scan(
    queries: Sequence[Query],
    *,
    min_docs_per_call: float = 1000,
    max_returned_ratio: float = 0.3,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """A query with conditions reads its whole collection.

    Why: Each call reads every document, so it takes longer as the collection grows, and what it
    reads pushes the documents that others need out of the cache.

    Mistaken when: The query runs seldom (a nightly job), or its conditions match most of the
    collection: then an index would only add reads. How many matched is not recorded for counts
    and groups, so those are only hints.

    Remedy: An index on the fields of the filter, fields compared for equality first. A regular
    expression narrows an index only with ^ at its start and without the option i.

    Verify: explain("executionStats") with the index and without it.
    """
    for query in queries:
        one, shape = query.statement, query.shape
        scans = query.collection_scans
        per_call = (one.docs_examined or 0) / one.calls
        if not scans or not shape.filtered or per_call < min_docs_per_call:
            continue
        if time_share(query, queries) < min_time_share:
            continue
        told = one.rows is not None and not shape.reduces
        returned = (one.rows or 0) / max(1, one.docs_examined or 0)
        if told and returned > max_returned_ratio:
            continue
        result = result_text(query) if told else "(how many matched is not recorded)"
        yield Finding(
            subject=subject(query),
            message=(
                f"{count_text(scans)} of {count_text(round(one.calls))} calls read the whole "
                f"collection: {count_text(round(per_call))} documents on average {result}"
            ),
            evidence={
                "calls": round(one.calls),
                "collection_scans": scans,
                "docs_examined_per_call": per_call,
                "rows_per_call": None if one.rows is None else one.rows / one.calls,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                index_advice(query),
                effect="building an index reads the collection once; each write then maintains it",
            ),
            level=Level.warning if told else Level.info,
            confidence=Confidence.measured if told else Confidence.estimated,
        )
