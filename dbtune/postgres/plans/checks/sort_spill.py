"""plan.sort-spill"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, ancestors, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import bytes_text, count_text, shorten


@check("plan.sort-spill")
def sort_spill(
    plan: Plan,
    *,
    min_disk_kb: int = 1024,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A sort does not fit into work_mem and is done on disk.

    Why: The rows are written to temporary files and read back to be merged, and the files of all
    sessions compete for the disk.

    Mistaken when: The statement runs seldom and nobody waits for it; or the files stay in the
    operating system's cache, where merging them costs little more than sorting in memory.

    Remedy: An index that delivers the order makes the sort unnecessary; else raise work_mem for
    this statement (SET LOCAL). The number is computed from the file's size and the rows: it is
    what the sort takes in memory, which is more than on disk.

    Verify: Run it again with the setting: Sort Method is quicksort, in Memory.
    """
    for node in plan.nodes:
        disks = [kb for kb in _spaces(node, "Disk") if kb > 0]
        if node.type != "Sort" or not disks or node.loops == 0:
            continue
        worst = max(disks)
        if not worth(plan, node.self_ms, min_ms, min_share) or (
            node.self_ms is None and worst < min_disk_kb
        ):
            continue
        rows, bounded = _rows(plan, node, disks)
        sharing = len(disks) + len(_spaces(node, "Memory"))
        need = memory.sort_bytes(rows, worst * 1024, memory.version(plan), bounded=bounded)
        if bounded and node.actual_rows and 2 * node.actual_rows < rows:
            need *= 2 * node.actual_rows / rows  # from twice the limit on it keeps the best only
        note = ""
        if sharing > 1:
            need *= max(1.25, 1.5 * sum(disks) / len(disks) / worst)
            note = "Processes share the rows differently each time: that much more is added."
        advised = memory.advised_bytes(plan, need)
        keys = shorten(", ".join(node.texts("Sort Key")), 100)
        order = f"An index that delivers the order ({keys})" if keys else "An index on the sort key"
        yield node_finding(
            plan,
            node,
            f"sorts {'up to ' if sharing > 1 else ''}{count_text(round(rows))} rows on disk: "
            f"{bytes_text(worst * 1024)} of temporary"
            f" file{' in one process' if sharing > 1 else ''}, about {bytes_text(need)} in memory"
            + of_time(plan, node.self_ms),
            memory.remedy(plan, f"{order} would make the sort unnecessary.", advised, note),
            saving_ms=node.self_ms,
            evidence={
                "disk_bytes": round(worst * 1024),
                "rows": round(rows),
                "work_mem_needed_bytes": advised,
                "processes_on_disk": len(disks),
                "processes_in_memory": sharing - len(disks),
            },
        )


def _spaces(node: Node, kind: str) -> list[float]:
    """Kilobytes that the leader and the workers took; the leader may do without disk."""
    found = []
    for props in (node.props, *(worker.props for worker in node.workers)):
        used = props.get("Sort Space Used")
        if props.get("Sort Space Type") == kind and isinstance(used, int | float):
            found.append(float(used))
    return found


def _rows(plan: Plan, node: Node, disks: list[float]) -> tuple[float, bool]:
    """Rows that the worst process sorted at a time, and whether it sorted for a LIMIT.

    What a Sort returns may be less than what it sorted (LIMIT) or more (a merge join goes back).
    """
    below = next((one for one in plan.children(node) if one.subplan is None), node)
    processes = len(disks) + len(_spaces(node, "Memory"))
    loops = max(1.0, (below.loops or 1) / processes)
    total = below.total_rows or below.actual_rows or below.plan_rows or 1.0
    bounded = False
    for above in ancestors(plan, node):
        if above.type == "Limit":
            bounded = True
        elif above.type not in ("Gather Merge", "Append", "Merge Append", "Result"):
            break
    return max(1.0, total / loops * max(disks) / sum(disks)), bounded
