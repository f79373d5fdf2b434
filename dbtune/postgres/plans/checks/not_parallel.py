"""plan.not-parallel"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import ancestors, worth
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text

_NEVER = ("ModifyTable", "LockRows")
_WORKERS = 2


@check("plan.not-parallel", level=Level.info, confidence=Confidence.rule_of_thumb)
def not_parallel(
    plan: Plan,
    *,
    min_ms: float = 1000,
    min_share: float = 0.4,
    min_rows: int = 1_000_000,
) -> Iterator[Finding]:
    """A long scan of a large table is done by a single process.

    Why: Other CPUs may be idle meanwhile; a scan that removes or aggregates rows shares well.

    Mistaken when: The server is busy with many sessions: then parallel workers only take the CPU
    from others. Or the table is read from a slow disk, which more processes don't speed up.

    Remedy: Find out what forbids it: max_parallel_workers_per_gather = 0, a function that is not
    PARALLEL SAFE, a temporary table, a cursor, SELECT ... FOR UPDATE, a data-modifying CTE.

    Verify: Plan it with a higher max_parallel_workers_per_gather: a Gather appears where nothing
    forbids it.
    """
    if any(node.type in (*_NEVER, "Gather", "Gather Merge") for node in plan.nodes):
        return
    for node in plan.nodes:
        read = (node.total_rows or 0) + (node.removed.filter or 0)
        if node.type != "Seq Scan" or (node.loops or 0) != 1 or read < min_rows:
            continue
        if node.self_ms is None or not worth(plan, node.self_ms, min_ms, min_share):
            continue
        if (
            any(above.type == "Limit" for above in ancestors(plan, node))
            and not node.removed.filter
        ):
            continue
        off = plan.settings.get("max_parallel_workers_per_gather") == "0"
        reason = (
            "max_parallel_workers_per_gather is 0, as the plan's settings say."
            if off
            else "Find out what forbids it: a function that is not PARALLEL SAFE, a temporary "
            "table, a cursor, a data-modifying CTE, or max_parallel_workers_per_gather = 0."
        )
        yield node_finding(
            plan,
            node,
            f"one process read {count_text(round(read))} rows in {ms_text(node.self_ms)}",
            Remedy(
                f"{reason} An index that makes the scan unnecessary is better still.",
                sql=f"SET LOCAL max_parallel_workers_per_gather = {_WORKERS};"
                "  -- in the statement's transaction"
                if off
                else "",
                effect="takes CPUs from other sessions" if off else "",
            ),
            saving_ms=node.self_ms * (1 - 1 / (_WORKERS + 1)),
            evidence={"rows": round(read), "self_ms": node.self_ms},
            level_=Level.info,
        )
