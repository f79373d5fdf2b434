"""plan.possible-lock-wait"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import cautious_level, node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.order import plain_children
from dbtune.text import ms_text, plural


@check("plan.possible-lock-wait", confidence=Confidence.rule_of_thumb)
def possible_lock_wait(
    plan: Plan,
    *,
    min_ms_per_row: float = 50,
    min_ms: float = 200,
    min_share: float = 0.5,
) -> Iterator[Finding]:
    """Writing or locking a few rows took very long.

    Why: A row is written in microseconds. What takes longer and reads or writes no blocks has
    probably waited for another transaction's lock; a plan does not show waits.

    Mistaken when: The time went into a BEFORE trigger, an expression index or a generated column
    that calls slow code, or into the storage (track_io_timing tells).

    Remedy: Look for long transactions on the same rows; log_lock_waits tells who waited for whom.

    Verify: Run it again while nobody writes the same rows: the time is gone if it was spent
    waiting.
    """
    for node in plan.nodes:
        locks = node.type == "LockRows" or (
            node.type == "ModifyTable" and node.operation in ("Update", "Delete", "Merge")
        )
        if not locks or node.self_ms is None:
            continue
        below = plain_children(plan, node)
        rows = max(1.0, sum(child.total_rows or 0 for child in below))
        io = node.self_io
        spent = node.self_ms - (io.shared_read_ms + io.shared_write_ms if io else 0.0)
        spent -= sum(one.time_ms or 0 for one in plan.triggers if one.phase != "after")
        if spent / rows < min_ms_per_row or not worth(plan, spent, min_ms, min_share):
            continue
        yield node_finding(
            plan,
            node,
            f"{ms_text(spent)} for {plural(round(rows), 'row')}, {ms_text(spent / rows)} each: "
            f"probably waiting for locks{of_time(plan, spent)}",
            Remedy(
                "See who holds locks the next time, and shorten the transactions that write these "
                "rows.",
                sql="SELECT pid, pg_blocking_pids(pid), now() - xact_start AS age, query\n"
                "FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0;",
                config="log_lock_waits = on",
            ),
            saving_ms=spent,
            level_=cautious_level(plan, spent),
            evidence={"rows": round(rows), "ms_per_row": spent / rows},
        )
