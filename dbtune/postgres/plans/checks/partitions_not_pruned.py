"""plan.partitions-not-pruned"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import matters, partition_family
from dbtune.text import count_text

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond")


@check("plan.partitions-not-pruned")
def partitions_not_pruned(
    plan: Plan,
    *,
    min_partitions: int = 8,
    min_filtered_partitions: int = 3,
    min_empty_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Partitions are read that have nothing of what is asked for.

    Why: A partition is left out only if the condition compares the bare partition key with a
    constant, a parameter or a stable function.

    Mistaken when: The condition is about other columns and no value of the partition key is known.

    Remedy: Add a condition on the partition key, without a function or a cast around the key.

    Verify: Plan it again: the partitions are gone from the plan, or Subplans Removed counts them.
    """
    for node in plan.nodes:
        if node.type not in ("Append", "Merge Append") or node.number("Subplans Removed"):
            continue
        parts = [one for one in plan.children(node) if partition_family(plan, one) is not None]
        if len({partition_family(plan, one) for one in parts}) != 1:
            continue
        filtered = [one for one in parts if any(one.conditions.get(key) for key in _CONDITIONS)]
        few = len(filtered) < min_filtered_partitions
        if few and len(parts) < min_partitions:
            continue
        # Rows that only rounding hides are rows.
        empty = [one for one in parts if one.executed and one.total_rows_max == 0]
        if len(empty) < max(2, min_empty_ratio * len(parts)):
            continue
        saving = _inclusive(empty)
        largest = max(empty, key=lambda one: (one.inclusive_ms or 0, one.total_cost or 0))
        read = sum(one.removed.filter or 0 for one in empty)
        if not matters(plan, largest, saving, ms=min_ms, share=min_share, rows=read):
            continue
        family = partition_family(plan, parts[0])
        yield node_finding(
            plan,
            node,
            f"{len(empty)} of {len(parts)} partitions of {family} were read and gave no row"
            + (f" ({count_text(round(read))} rows dropped)" if read else ""),
            Remedy(
                "Compare the bare partition key: col >= '2024-01-01' AND col < '2024-02-01' "
                "instead of date_trunc(...) = ..., no cast of the key, no OR with other columns; "
                "and see that enable_partition_pruning is on."
            ),
            saving_ms=saving,
            evidence={
                "partitions": len(parts),
                "empty_partitions": len(empty),
                "condition": next(
                    (c for key in _CONDITIONS if (c := largest.conditions.get(key))), None
                ),
            },
        )


def _inclusive(nodes: list[Node]) -> float | None:
    known = [one.inclusive_ms for one in nodes if one.inclusive_ms is not None]
    return sum(known) if known else None
