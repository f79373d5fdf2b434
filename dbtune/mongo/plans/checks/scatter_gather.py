"""mongo.scatter-gather"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, plural


@check("mongo.scatter-gather", level=Level.info)
def scatter_gather(plan: Plan, *, min_shards: int = 2, max_rows: int = 1000) -> Iterator[Finding]:
    """Every shard is asked, although only some of them have what is returned.

    Why: Without the shard key in its filter an operation goes to all shards, waits for the
    slowest, and each of them does the work: adding shards makes it no faster.

    Mistaken when: It is an analysis of everything, which profits from shards that work at the same
    time.

    Remedy: The shard key, or its first fields, in the filter; else a shard key that fits how the
    collection is asked.
    """
    root = next((one for one in plan.nodes if one.type.startswith("SHARD_MERGE")), None)
    if root is None or len(plan.shards) < min_shards:
        return
    parts = plan.children(root)
    idle = [one.shard for one in parts if one.total_rows == 0]
    if plan.analyzed and (not idle or (plan.total_rows or 0) > max_rows):
        return
    rows = f", {plural(len(idle), 'shard')} returned nothing" if plan.analyzed else ""
    yield on_stage(
        plan,
        root,
        f"{plural(len(plan.shards), 'shard')} asked for "
        f"{count_text(plan.total_rows) if plan.total_rows is not None else 'the'} documents{rows}",
        Remedy(
            "Put the shard key, or its first fields, into the filter, so that only the shards "
            "that have the documents are asked."
        ),
        evidence={"shards": len(plan.shards), "shards_without_result": len(idle)},
    )
