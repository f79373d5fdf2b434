"""plan.cte-materialized"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.order import cte_readers, is_cte
from dbtune.text import count_text, plain

_FENCES = ("Limit", "Recursive Union", "ModifyTable", "LockRows")


@check("plan.cte-materialized", confidence=Confidence.estimated)
def cte_materialized(
    plan: Plan,
    *,
    min_rows: int = 1000,
    min_removed_share: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A CTE is computed as a whole though its readers want a part of it.

    Why: A materialized CTE is a fence: the condition on it is not applied where its rows are made,
    and no index helps.

    Mistaken when: The CTE is materialized on purpose, because it calls a volatile function or
    because several readers together want all of it.

    Remedy: WITH x AS NOT MATERIALIZED (...), or a sub-query in its place. Before PostgreSQL 12
    every CTE is a fence.

    Verify: Plan it again: no CTE Scan, and the reader's condition is at the scan of the table.
    """
    every = cte_readers(plan)
    for cte in plan.nodes:
        name = (cte.subplan or "").removeprefix("CTE ")
        if not is_cte(cte) or not cte.executed:
            continue
        inside = (cte, *plan.descendants(cte))
        readers = every.get(cte.id, [])
        if not readers or any(one.type in _FENCES for one in inside):
            continue
        removed = sum(one.removed.filter or 0 for one in readers)
        read = removed + sum(one.total_rows or 0 for one in readers)
        # As many times as each reader reads it, it would be computed without the fence.
        share = min(
            (one.removed.filter or 0) / ((one.removed.filter or 0) + (one.total_rows or 0) or 1)
            for one in readers
        )
        part = 1 - (1 - share) * len(readers)
        looped = any((one.loops or 0) > max(1.0, one.processes) for one in readers)
        if removed < min_rows or part < min_removed_share or looped:
            continue
        # What the readers spend on keeping and passing over rows would be saved, too.
        reading = sum(one.self_ms or 0 for one in readers)
        saving = None if cte.inclusive_ms is None else (cte.inclusive_ms + reading) * part
        if not worth(plan, saving, min_ms, min_share):
            continue
        condition = plain(readers[0].conditions.get("Filter", ""))
        yield node_finding(
            plan,
            readers[0],
            f"the CTE made {count_text(cte.total_rows or 0)} rows, of which its readers' conditions"
            f" removed {count_text(removed)} of {count_text(read)} read{of_time(plan, saving)}",
            Remedy(
                f"Write it as {plain(name)} AS NOT MATERIALIZED (...) or as a sub-query, so that "
                f"{condition or 'the condition'} reaches the tables inside; or write the condition "
                "into the CTE."
            ),
            saving_ms=saving,
            evidence={
                "cte_rows": cte.total_rows,
                "rows_removed": round(removed),
                "readers": len(readers),
            },
        )
