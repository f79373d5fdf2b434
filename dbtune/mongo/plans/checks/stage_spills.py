"""mongo.stage-spills"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import index_remedy, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.text import bytes_text, count_text, plural


@check("mongo.stage-spills")
def stage_spills(plan: Plan) -> Iterator[Finding]:
    """A stage does not fit into its memory and writes temporary files.

    Why: A sort or group over its limit (100 MB each) writes everything to disk and reads it back;
    where allowDiskUse is off it fails.

    Mistaken when: It is a report that runs at night, and its disk is its own.

    Remedy: For a sort, an index with the order. For a group, fewer documents or fields into it:
    $match and $project before it, accumulators ($sum) instead of $push and $addToSet.
    """
    for stage in plan.nodes:
        if not stage.spilled:
            continue
        often = f" {plural(stage.spills, 'time')}" if stage.spills else ""
        held = f" ({bytes_text(stage.memory_bytes)} in all)" if stage.memory_bytes else ""
        yield on_stage(
            plan,
            stage,
            f"{stage.type} writes temporary files{often}{held}{_passed(stage)}",
            _remedy(plan, stage),
            evidence={
                "spills": stage.spills,
                "memory_bytes": stage.memory_bytes,
                "memory_limit_bytes": stage.memory_limit_bytes,
            },
            level=level(plan, (stage,)),
        )


def _passed(stage: Stage) -> str:
    return "" if stage.total_rows is None else f" to pass on {count_text(stage.total_rows)}"


def _remedy(plan: Plan, stage: Stage) -> Remedy:
    if "SORT" in stage.type.upper():
        return index_remedy(plan, "An index that has the order makes the sort unnecessary.")
    return Remedy(
        "Take fewer documents and fields into it: $match and $project before it; $sum, $max and "
        "the like instead of $push and $addToSet."
    )
