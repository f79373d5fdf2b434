"""mongo.skip-discards-documents"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import MIN_DOCS, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.mongo.plans.raw import number
from dbtune.text import count_text


@check("mongo.skip-discards-documents")
def skip_discards_documents(plan: Plan, *, min_docs: int = MIN_DOCS) -> Iterator[Finding]:
    """Documents are read only to be skipped.

    Why: skip() counts documents off one by one, so each page costs more than the one before it.

    Mistaken when: Nobody turns to later pages but a job that does so once.

    Remedy: Ask for what comes after the last document seen: {_id: {$gt: last}}, sorted by _id, or
    the same with the sort key and _id.
    """
    for stage in plan.nodes:
        gone = _skipped(plan, stage)
        if gone < min_docs:
            continue
        below = plan.children(stage)
        yield on_stage(
            plan,
            stage,
            f"skips {count_text(round(gone))} documents to return "
            f"{count_text(stage.total_rows or 0)}",
            Remedy(
                "Page by key: sort by a unique key and ask for what is greater than the last one "
                "seen, instead of skip()."
            ),
            evidence={"skipped": round(gone), "returned": stage.total_rows},
            level=level(plan, (stage, *below)),
        )


def _skipped(plan: Plan, stage: Stage) -> float:
    """What was skipped; of an execution it is counted, since it tells what was left to skip."""
    if stage.type not in ("SKIP", "$skip"):
        return 0.0
    came = [one.total_rows for one in plan.children(stage) if one.total_rows is not None]
    if came and stage.total_rows is not None:
        return sum(came) - stage.total_rows
    told = stage.number("skipAmount") or number(stage.props.get("specification"))
    return told or 0.0
