"""mongo.index-intersection"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, check
from dbtune.mongo.plans.checks import MIN_DOCS, index_remedy, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text


@check("mongo.index-intersection", level=Level.info, confidence=Confidence.measured)
def index_intersection(plan: Plan, *, min_keys: int = MIN_DOCS) -> Iterator[Finding]:
    """Two indexes are read and intersected, where one compound index would do.

    Why: All keys of both ranges are read to keep those that are in both; a compound index reads
    only the latter.

    Mistaken when: The conditions come in many combinations: then an index for each of them would
    cost more to maintain than the intersection costs to read.

    Remedy: One compound index with both fields.
    """
    for stage in plan.nodes:
        if stage.type not in ("AND_SORTED", "AND_HASH"):
            continue
        keys = sum(one.keys_examined or 0 for one in plan.descendants(stage))
        if plan.analyzed and keys < min_keys:
            continue
        names = ", ".join(dict.fromkeys(o.index for o in plan.descendants(stage) if o.index))
        read = f" {count_text(keys)} keys" if plan.analyzed else ""
        yield on_stage(
            plan,
            stage,
            f"reads{read} of {names} to intersect them",
            index_remedy(plan, "One compound index reads only what both have."),
            evidence={"keys_examined": keys, "kept": stage.total_rows},
        )
