"""plan.subplan-not-hashed"""

from __future__ import annotations

import math
from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text

_TUPLE_HEADER = 24


@check("plan.subplan-not-hashed")
def subplan_not_hashed(
    plan: Plan,
    *,
    min_loops: int = 100,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """The list of a NOT IN (or IN, ANY, ALL) sub-query is searched from end to end for each row.

    Why: The planner expected that a hash table of the list does not fit into memory, so each row
    is compared with one entry after the other: rows times entries.

    Mistaken when: The comparison cannot be hashed (<, LIKE, row values of different types): then
    no memory helps, only another statement.

    Remedy: NOT EXISTS instead of NOT IN lets the planner join (and does what is meant if the list
    may contain NULL, where NOT IN returns nothing). Else raise work_mem for the statement.

    Verify: Plan it again: an Anti Join or a hashed SubPlan.
    """
    for node in plan.nodes:
        runs = (node.loops or 0) / max(1.0, node.processes)
        if node.relationship != "SubPlan" or node.type != "Materialize" or runs < min_loops:
            continue
        if not worth(plan, node.inclusive_ms, min_ms, min_share):
            continue
        rows = next((child.total_rows for child in plan.children(node)), None) or node.plan_rows
        saving = None if node.inclusive_ms is None else node.inclusive_ms * (1 - 1 / runs)
        # subplan_is_hashable in subselect.c goes by the planned rows.
        width = math.ceil((node.plan_width or 8) / 8) * 8 + _TUPLE_HEADER
        need = max(node.plan_rows or 0, rows or 0) * width
        multiplier = memory.hash_multiplier(plan)
        advised = memory.advised_bytes(plan, need / multiplier)
        current = memory.work_mem_bytes(plan) or memory.DEFAULT_WORK_MEM
        fits = need <= current * multiplier
        advice = "Write NOT EXISTS (or a join) instead of NOT IN."
        yield node_finding(
            plan,
            node,
            f"{node.subplan or 'a sub-query'} was searched {count_text(round(runs))} times, a list "
            f"of {count_text(round(rows or 0))} rows ({bytes_text(need)} as a hash table)"
            + of_time(plan, saving),
            # Then it is not for want of memory, unless work_mem is below its default.
            Remedy(
                f"{advice} In work_mem there was room for a hash table: see whether the "
                "comparison can be hashed, and is with = and of equal types."
            )
            if fits
            else memory.remedy(plan, advice, advised, memory.hash_note(plan)),
            saving_ms=saving,
            evidence={
                "loops": node.loops,
                "list_rows": rows,
                "work_mem_needed_bytes": None if fits else advised,
            },
        )
