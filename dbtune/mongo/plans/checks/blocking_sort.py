"""mongo.blocking-sort"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, check
from dbtune.mongo.plans.checks import MIN_DOCS, index_remedy, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.text import bytes_text, count_text

_FETCHES = ("FETCH", "COLLSCAN")


@check("mongo.blocking-sort")
def blocking_sort(plan: Plan, *, min_docs: int = MIN_DOCS) -> Iterator[Finding]:
    """Documents are fetched and then sorted in memory, because no index has them in order.

    Why: Nothing is returned before everything is read, also for a small limit; over 100 MB the
    sort spills to disk or fails.

    Mistaken when: Nearly all that is sorted is returned, and it is not much. A sort below the
    fetch sorts index keys, fetches only what survives the limit, and is cheap: it is not meant.

    Remedy: An index with the sort key, in its directions, after the fields that are compared for
    equality.
    """
    for stage in plan.nodes:
        if stage.type != "SORT" or stage.spilled:  # mongo.stage-spills says more
            continue
        below = plan.descendants(stage)
        if not any(one.type in _FETCHES for one in below):
            continue
        if not plan.analyzed:
            yield on_stage(
                plan,
                stage,
                f"the plan fetches documents and sorts them by {stage.conditions.get('Sort Key')}",
                index_remedy(plan, "An index that has the order makes the sort unnecessary."),
                level=Level.info,
                confidence=Confidence.estimated,
            )
            continue
        came = _came(plan, stage)
        if came < min_docs:
            continue
        size = f", {bytes_text(stage.memory_bytes)}" if stage.memory_bytes else ""
        yield on_stage(
            plan,
            stage,
            f"sorts {count_text(came)} documents in memory{size} to return "
            f"{count_text(stage.total_rows or 0)}",
            index_remedy(plan, "An index that has the order makes the sort unnecessary."),
            evidence={
                "sorted_docs": came,
                "returned": stage.total_rows,
                "memory_bytes": stage.memory_bytes,
                "memory_limit_bytes": stage.memory_limit_bytes,
            },
            level=level(plan, (stage,)),
        )


def _came(plan: Plan, stage: Stage) -> int:
    return sum(one.total_rows or 0 for one in plan.children(stage))
