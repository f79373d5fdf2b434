"""mongo.collscan-discards-documents"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, check
from dbtune.mongo.plans.checks import (
    MIN_DOCS,
    index_keys,
    index_remedy,
    is_branching,
    level,
    on_stage,
)
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, ratio_text


@check("mongo.collscan-discards-documents")
def collscan_discards_documents(
    plan: Plan, *, min_docs: int = MIN_DOCS, max_returned_ratio: float = 0.3
) -> Iterator[Finding]:
    """The whole collection is read, and most of it thrown away.

    Why: The time grows with the collection, whatever is returned, and what is read pushes the
    documents that others need out of the cache.

    Mistaken when: The operation runs seldom; or no index can narrow its conditions ($where,
    not-equal, regular expressions without ^).

    Remedy: An index on the fields of the filter, compared for equality first.
    """
    for stage in plan.nodes:
        if stage.type != "COLLSCAN" or not stage.filter:
            continue
        if is_branching(plan, stage):
            continue  # mongo.or-branch-scans-collection says more
        if not plan.analyzed:
            if index_keys(plan):
                yield on_stage(
                    plan,
                    stage,
                    "the plan reads the whole collection, although it has conditions",
                    index_remedy(plan, "An index on the fields of the filter narrows it."),
                    level=Level.info,
                    confidence=Confidence.estimated,
                )
            continue
        docs, rows = stage.docs_examined or 0, stage.total_rows or 0
        if docs < min_docs or rows > max_returned_ratio * docs:
            continue
        yield on_stage(
            plan,
            stage,
            f"reads all {count_text(docs)} documents and keeps {count_text(rows)} "
            f"({ratio_text(rows / docs)})",
            index_remedy(plan, "An index on the fields of the filter reads only what is kept."),
            evidence={"docs_examined": docs, "kept": rows},
            level=level(plan, (stage,)),
        )
