"""mongo.sort-near-limit"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.mongo.plans.checks import index_remedy, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import bytes_text, ratio_text


@check("mongo.sort-near-limit")
def sort_near_limit(plan: Plan, *, min_ratio: float = 0.5) -> Iterator[Finding]:
    """A sort uses most of the memory that it may use.

    Why: A few more documents, and it writes temporary files; where allowDiskUse is off, or before
    version 6.0, a find then fails altogether.

    Mistaken when: The collection has stopped growing.

    Remedy: An index with the sort key, or a limit: a sort keeps no more than its limit.
    """
    for stage in plan.nodes:
        used, limit = stage.memory_bytes or 0, stage.memory_limit_bytes or 0
        if stage.spilled or not limit or used < min_ratio * limit:
            continue
        yield on_stage(
            plan,
            stage,
            f"the sort holds {bytes_text(used)}, {ratio_text(used / limit)} of its limit of "
            f"{bytes_text(limit)}",
            index_remedy(plan, "An index that has the order makes the sort unnecessary."),
            evidence={"memory_bytes": used, "memory_limit_bytes": limit},
        )
