"""plan.hash-aggregate-spill"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import bytes_text, count_text

_ASSUMED_AGGREGATES = 2


@check("plan.hash-aggregate-spill", confidence=Confidence.estimated)
def hash_aggregate_spill(
    plan: Plan,
    *,
    min_disk_kb: int = 1024,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """The groups of a hash aggregate do not fit into memory and spill to disk.

    Why: Rows whose group is not in memory are written to temporary files and aggregated later,
    perhaps several times over.

    Mistaken when: The statement runs seldom. The memory advised is too little for aggregates that
    keep all their values (array_agg, string_agg, percentile_cont) or large numbers (numeric).

    Remedy: An index on the grouping columns lets the server aggregate in order, without a hash
    table. If no spill was planned, the number of groups was underestimated: ANALYZE, or CREATE
    STATISTICS (ndistinct) on the columns. Else raise work_mem for the statement.

    Verify: Run it again with the setting: Batches is 1, and no Disk Usage is shown.
    """
    for node in plan.nodes:
        disks = [kb for kb in _each(node, "Disk Usage") if kb > 0]
        if node.type != "Aggregate" or not disks or node.loops == 0:
            continue
        worst = max(disks)
        if not worth(plan, node.self_ms, min_ms, min_share) or (
            node.self_ms is None and worst < min_disk_kb
        ):
            continue
        sharing = max(1, len([kb for kb in _each(node, "Peak Memory Usage") if kb > 0]))
        groups, multiplier = _groups(node), memory.hash_multiplier(plan)
        aggregates = _aggregates(node)
        width = (node.plan_width or 32) - 8 * (aggregates or 0)
        need = memory.hash_groups_bytes(
            groups,
            max(4, width),
            _ASSUMED_AGGREGATES if aggregates is None else aggregates,
            memory.version(plan),
        )
        # What was in memory when it spilled is a lower bound.
        need = max(need, max(_each(node, "Peak Memory Usage"), default=0) * 1024)
        advised = memory.advised_bytes(plan, need / multiplier * (1.25 if sharing > 1 else 1))
        foreseen = bool(node.number("Planned Partitions"))
        first = "An index on the grouping columns would do without a hash table."
        if not foreseen and node.plan_rows is not None and groups > 1.5 * node.plan_rows:
            first = (
                f"Only {count_text(node.plan_rows)} groups were expected: ANALYZE the table, or "
                "CREATE STATISTICS (ndistinct) on the grouping columns."
            )
        yield node_finding(
            plan,
            node,
            f"{count_text(round(groups))} groups took {bytes_text(worst * 1024)} of temporary files"
            f"{' in one process' if sharing > 1 else ''}; in memory they take about "
            f"{bytes_text(need)}{of_time(plan, node.self_ms)}",
            memory.remedy(
                plan,
                first,
                advised,
                memory.hash_note(plan),
            ),
            saving_ms=node.self_ms,
            evidence={
                "disk_bytes": round(worst * 1024),
                "groups": round(groups),
                "batches": max(map(round, _each(node, "HashAgg Batches")), default=None),
                "spill_planned": foreseen,
                "hash_mem_multiplier": multiplier,
                "work_mem_needed_bytes": advised,
            },
        )


def _each(node: Node, key: str) -> list[float]:
    """A property of the leader and of the workers."""
    found = (props.get(key) for props in (node.props, *(one.props for one in node.workers)))
    return [float(value) for value in found if isinstance(value, int | float)]


def _groups(node: Node) -> float:
    """Groups in the hash table of one process: what came out and what HAVING removed."""
    loops = max(1, node.loops or 1)
    groups = (node.actual_rows or node.plan_rows or 1) + (node.removed.filter or 0) / loops
    return max([groups, *(one.rows for one in node.workers if one.rows is not None)])


def _aggregates(node: Node) -> int | None:
    """How many values it computes; ``None`` if its Output is not shown."""
    output = node.texts("Output")
    keys = set(node.texts("Group Key"))
    return sum("(" in one for one in output if one not in keys) if output else None
