"""plan.planning-dominates"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text, ratio_text


@check("plan.planning-dominates")
def planning_dominates(
    plan: Plan,
    *,
    min_ms: float = 5,
    min_share: float = 0.5,
    warning_ms: float = 50,
) -> Iterator[Finding]:
    """Planning takes longer than execution.

    Why: The plan is made anew each time, though it may always be the same.

    Mistaken when: It was the first statement of its session: the catalog was read from disk or
    into the session's caches (planning buffers read), and the next planning will be faster.

    Remedy: Let the driver prepare the statement; or make fewer partitions, joins and indexes for
    the planner to look at.

    Verify: EXPLAIN (SUMMARY) EXECUTE of the prepared statement, from the sixth time on: Planning
    Time is near 0.
    """
    if plan.planning_ms is None or plan.total_ms is None:
        return
    whole = plan.planning_ms + plan.total_ms
    share = plan.planning_ms / whole if whole else 0.0
    if plan.planning_ms < min_ms or share < min_share:
        return
    planning = plan.planning
    blocks = planning.buffers if planning else None
    read = blocks.shared_read if blocks else 0
    relations = len({(node.schema, node.relation) for node in plan.nodes if node.relation})
    joins = sum(node.type in ("Nested Loop", "Hash Join", "Merge Join") for node in plan.nodes)
    advice = "Run it again in the same session: if planning stays that slow, let the driver "
    advice += "prepare the statement, so that its plan is kept."
    if relations >= 20:
        advice += (
            f" The plan has {count_text(relations)} tables: with fewer partitions, or a condition "
            "on the partition key, there is less to plan."
        )
    elif joins >= 8:
        advice += (
            f" It joins {count_text(joins + 1)} tables: join_collapse_limit and "
            "from_collapse_limit bound how many orders are tried."
        )
    if read:
        advice += f" {count_text(read)} blocks of the catalog were read from disk this time."
    yield statement_finding(
        plan,
        f"planning took {ms_text(plan.planning_ms)}, execution {ms_text(plan.total_ms)} "
        f"({ratio_text(share)} of both)",
        Remedy(
            advice,
            config="# psycopg: prepare_threshold=5 (the default); JDBC: prepareThreshold=5\n"
            "# PgBouncer >= 1.21: max_prepared_statements = 200",
        ),
        what="planning",
        saving_ms=plan.planning_ms,
        evidence={
            "planning_ms": plan.planning_ms,
            "execution_ms": plan.total_ms,
            "planning_ratio": share,
            "catalog_blocks_read": round(read),
            "planner_memory_kb": planning.memory_used_kb if planning else None,
        },
        level_=Level.warning if plan.planning_ms >= warning_ms else Level.info,
    )
