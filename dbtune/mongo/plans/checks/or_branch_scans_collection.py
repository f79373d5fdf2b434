"""mongo.or-branch-scans-collection"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import BUILDING, MIN_DOCS, is_branching, level, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text


@check("mongo.or-branch-scans-collection")
def or_branch_scans_collection(plan: Plan, *, min_docs: int = MIN_DOCS) -> Iterator[Finding]:
    """A condition with $or reads the whole collection, because one of its branches has no index.

    Why: Indexes serve $or only if every branch has one; a single branch without makes the server
    read everything, whatever indexes the others have.

    Mistaken when: Another condition beside the $or narrows the result already: then an index on
    that one is enough.

    Remedy: An index for each branch; all of them with the sort key at their end, so that the
    results are merged in order and not sorted.
    """
    for stage in plan.nodes:
        if stage.type != "COLLSCAN" or not is_branching(plan, stage):
            continue
        docs, rows = stage.docs_examined or 0, stage.total_rows or 0
        if plan.analyzed and (docs < min_docs or rows > 0.3 * docs):
            continue
        read = f"all {count_text(docs)} documents" if plan.analyzed else "the whole collection"
        yield on_stage(
            plan,
            stage,
            f"$or reads {read}, since not every branch has an index",
            Remedy(
                "Give each branch of the $or an index of its own, with the same sort key at the "
                "end of all of them.",
                effect=BUILDING,
            ),
            evidence={"docs_examined": stage.docs_examined, "kept": stage.total_rows},
            level=level(plan, (stage,)) if plan.analyzed else Level.info,
            confidence=Confidence.measured if plan.analyzed else Confidence.estimated,
        )
