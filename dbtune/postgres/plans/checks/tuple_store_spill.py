"""plan.tuple-store-spill"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.order import cte_of, plain_children
from dbtune.text import bytes_text

_BLOCK_KB = 8
_OTHER_CHECKS = ("Sort", "Incremental Sort", "Hash", "Hash Join", "Aggregate")
_WHY = {
    "CTE Scan": "A CTE that is used once or that few rows are taken from need not be kept: "
    "write it NOT MATERIALIZED or as a sub-query.",
    "Function Scan": "A function in FROM is computed as a whole before its first row is used: "
    "in the SELECT list, or written in SQL so that it is inlined, it is not.",
    "WindowAgg": "A frame that ends at the current row (ROWS instead of RANGE), or a smaller "
    "partition, needs fewer rows kept.",
}


@check("plan.tuple-store-spill", confidence=Confidence.estimated)
def tuple_store_spill(
    plan: Plan,
    *,
    min_disk_kb: int = 1024,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Rows kept to be read again (CTE, Materialize, window, function) go to disk.

    Why: What does not fit into work_mem is written to a temporary file and read from it each time
    it is needed.

    Mistaken when: It is written once and read once, and the file stays in the operating system's
    cache.

    Remedy: Keep fewer or narrower rows, or inline the CTE; else raise work_mem for the statement.

    Verify: Run it again with the setting: no temporary blocks are written at the node; since 18 its
    Storage is Memory.
    """
    for node in plan.nodes:
        disk = _disk_kb(node)
        if node.type in _OTHER_CHECKS or disk < min_disk_kb:
            continue
        if not worth(plan, node.self_ms, min_ms, min_share):
            continue
        rows = _rows(plan, node)
        need = memory.store_bytes(rows, disk * 1024, memory.version(plan))
        advised = memory.advised_bytes(plan, need)
        yield node_finding(
            plan,
            node,
            f"keeps rows in a temporary file of {bytes_text(disk * 1024)}, about "
            f"{bytes_text(need)} in memory{of_time(plan, node.self_ms)}",
            memory.remedy(
                plan, _WHY.get(node.type, "Keep fewer or narrower rows if you can."), advised
            ),
            saving_ms=node.self_ms,
            evidence={
                "disk_bytes": round(disk * 1024),
                "rows": round(rows),
                "work_mem_needed_bytes": advised,
            },
        )


def _disk_kb(node: Node) -> float:
    """The size of the file: said since 18, before that the blocks that were written."""
    if node.text("Storage"):
        return (node.number("Maximum Storage") or 0) if node.text("Storage") == "Disk" else 0
    written = node.self_buffers.temp_written if node.self_buffers else 0
    return written * _BLOCK_KB / max(1.0, min(node.loops or 1, node.processes))


def _rows(plan: Plan, node: Node) -> float:
    """Rows that were kept, at most."""
    kept = plain_children(plan, node)
    cte = cte_of(plan, node) if node.cte else None
    source = kept[-1] if kept else cte or node
    return max(1.0, source.total_rows or source.plan_rows or 1)
