"""mongo.large-skip"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.checks import result_text, subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.large-skip")
def large_skip(
    queries: Sequence[Query], *, min_skip: int = 1000, min_time_share: float = 0.005
) -> Iterator[Finding]:
    """A query skips many documents to reach a page.

    Why: Skipped documents or keys are read all the same, so each further page takes longer.

    Mistaken when: Nobody waits for it, as in an export that runs once.

    Remedy: Go on from the last document of the page before: filter by the sort key, greater than
    its last value (with _id to break ties), and limit.
    """
    for query in queries:
        one = query.statement
        if query.max_skip < min_skip or time_share(query, queries) < min_time_share:
            continue
        key = query.shape.sort or "{_id: 1}"
        read = max(one.docs_examined or 0, one.keys_examined or 0) / one.calls
        yield Finding(
            subject=subject(query),
            message=(
                f"skips up to {count_text(query.max_skip)} documents; a call reads "
                f"{count_text(round(read))} on average {result_text(query)}"
            ),
            evidence={
                "calls": round(one.calls),
                "max_skip": query.max_skip,
                "docs_examined_per_call": (one.docs_examined or 0) / one.calls,
                "rows_per_call": (one.rows or 0) / one.calls,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                f"Page by the sort key {key}: filter for what comes after the last document of the "
                "page before, in place of skip.",
                effect="a change in the application",
            ),
        )
