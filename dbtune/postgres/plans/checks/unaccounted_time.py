"""plan.unaccounted-time"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import cautious_level, of_time, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text


@check("plan.unaccounted-time", confidence=Confidence.rule_of_thumb)
def unaccounted_time(
    plan: Plan,
    *,
    min_ms: float = 20,
    min_share: float = 0.2,
) -> Iterator[Finding]:
    """A large part of the time was spent outside the plan's nodes.

    Why: No node can be blamed for it. It goes into starting and ending the executor: opening many
    partitions and indexes, starting parallel workers, generating code (JIT), freeing memory and
    temporary files; or, in auto_explain's plans, into waiting for the client.

    Mistaken when: The machine was out of CPU or memory at that moment.

    Remedy: Fewer partitions in the plan (prune by the partition key), jit off, and a second
    measurement.

    Verify: Run it twice more and compare Execution Time with the root's actual time.
    """
    lost = plan.unaccounted_ms
    if lost is None or plan.truncated:
        return
    lost -= plan.serialization.time_ms or 0 if plan.serialization else 0
    # Code is generated outside the nodes: that is plan.jit-dominates.
    lost -= plan.jit.total_ms or 0 if plan.jit else 0
    if lost <= 0 or not worth(plan, lost, min_ms, min_share):
        return
    relations = len({(node.schema, node.relation) for node in plan.nodes if node.relation})
    hints = []
    if relations >= 20:
        hints.append(f"the plan opens {count_text(relations)} tables: prune partitions")
    if any(node.type.startswith("Gather") for node in plan.nodes):
        hints.append("it starts parallel workers")
    if plan.execution_ms is None:
        hints.append("the duration in a log includes waiting for the client to read the rows")
    yield statement_finding(
        plan,
        f"{ms_text(lost)} are neither in a node nor in a trigger{of_time(plan, lost)}",
        Remedy(
            "Measure it again; if it stays, look at what surrounds execution"
            + (f": {'; '.join(hints)}." if hints else ".")
        ),
        what="time outside the plan",
        saving_ms=lost,
        level_=cautious_level(plan, lost),
        evidence={"unaccounted_ms": plan.unaccounted_ms, "tables": relations},
    )
