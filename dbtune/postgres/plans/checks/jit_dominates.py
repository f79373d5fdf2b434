"""plan.jit-dominates"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import of_time, statement_finding
from dbtune.postgres.plans.memory import processes
from dbtune.postgres.plans.model import Jit, Plan
from dbtune.text import count_text, ms_text


@check("plan.jit-dominates")
def jit_dominates(
    plan: Plan,
    *,
    min_ms: float = 20,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Compiling the statement's expressions (JIT) takes a large part of its time.

    Why: The code is compiled anew on each execution and in each parallel worker. The planner
    decides by cost alone, so that a wrong estimate or many partitions switch it on for short
    statements.

    Mistaken when: Without the compiled code the execution would be slower by more than compiling
    takes: run it once with jit off and compare.

    Remedy: SET LOCAL jit = off for the statement, or for the role that runs such statements; or
    raise jit_above_cost. It takes effect at once and locks nothing.

    Verify: Run it with SET LOCAL jit = off and compare the execution time.
    """
    jit = plan.jit
    if jit is None or not jit.total_ms:
        return
    saving = _on_the_clock(plan, jit)
    if not worth(plan, saving, min_ms, min_share):
        return
    optimizing = (jit.inlining_ms or 0) + (jit.optimization_ms or 0)
    above = ""
    cost = plan.root.total_cost
    if cost is not None:
        limit = _rounded_up(2 * cost)
        above = f" Or raise the threshold above this statement's cost of {count_text(cost)}."
    else:
        limit = 0.0
    costly = optimizing > jit.total_ms / 2
    name = "jit_optimize_above_cost" if costly else "jit_above_cost"
    sql = "SET LOCAL jit = off;  -- in the statement's transaction"
    if limit:
        sql += f"\n-- or: SET {name} = {limit:.0f};"
        if costly:
            sql += f" SET jit_inline_above_cost = {limit:.0f};"
    yield statement_finding(
        plan,
        f"compiling {count_text(jit.functions)} functions took {ms_text(saving)}"
        f"{of_time(plan, saving)}"
        + (f"; {ms_text(optimizing)} of it went into inlining and optimizing" if costly else ""),
        Remedy(f"Compare once with jit off.{above}", sql=sql, effect="at once, locks nothing"),
        what="JIT compilation",
        saving_ms=saving,
        evidence={
            "jit_ms_all_processes": jit.total_ms,
            "functions": round(jit.functions),
            "generation_ms": jit.generation_ms,
            "inlining_ms": jit.inlining_ms,
            "optimization_ms": jit.optimization_ms,
            "emission_ms": jit.emission_ms,
            "total_cost": cost,
        },
    )


def _on_the_clock(plan: Plan, jit: Jit) -> float:
    """Processes compile at the same time: what counts is the one that took longest."""
    total = jit.total_ms or 0.0
    # A worker's numbers stand at the node where it was started, with VERBOSE.
    workers = [
        float(found)
        for node in plan.nodes
        for worker in node.workers
        if isinstance(one := worker.props.get("JIT"), Mapping)
        and isinstance(timing := one.get("Timing"), Mapping)
        and isinstance(found := timing.get("Total"), int | float)
    ]
    if workers:
        return max(total - sum(workers), *workers)
    return total / processes(plan)


def _rounded_up(value: float) -> float:
    power = 10.0 ** max(0, len(f"{value:.0f}") - 1)
    return -(-value // power) * power
