"""Connections."""

from __future__ import annotations

from dbtune.postgres.config import budget
from dbtune.postgres.config.guc import MB
from dbtune.postgres.config.inputs import FEWEST_CONNECTIONS, Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, exactly, rule

USUAL = {
    Workload.web: 200,
    Workload.oltp: 200,
    Workload.mixed: 100,
    Workload.dw: 40,
    Workload.desktop: 20,
}
PER_CORE = {Workload.dw: 10}
"""Where each statement keeps a core busy for long; their memory is better given to fewer."""
PER_CORE_ELSE = 50
"""Most of them idle; 4 at work for each core is where throughput peaks."""
_ROOM = 1.25
_NEARLY_ALL = 0.9
_ENOUGH = 20
"""Small machines get so many, with less work_mem, rather than fewer."""
_DEFAULT_WORK_MEM = 4 * MB
_TIGHT_WORK_MEM = 1 * MB


@rule("runtime-config-connection", keep=exactly, always=True)
def max_connections(plan: Plan) -> Advice | None:
    """Each connection is a process. The memory budget holds for this number.

    Written even where it is the default, because work_mem hangs on it.
    """
    asked, workload = plan.inputs.connections, plan.inputs.workload
    if asked is not None:
        source = plan.inputs.sources.get("connections", "given")
        used = plan.measured.connections_used
        if source == "the server" and used is not None:
            needed = _needed(plan, used)
            if needed > asked:
                return Advice(
                    needed,
                    f"{used} connections now × {_ROOM:g} + reserved",
                    "Hardly one is left. A pooler is better than more: dbtune pool-size.",
                )
            source += f", {used} used now"
        return Advice(asked, f"given: {source}")
    usual, cores = USUAL[workload], plan.inputs.cores
    fitting = budget.connections_that_fit(plan, _DEFAULT_WORK_MEM)
    per_core = PER_CORE.get(workload, PER_CORE_ELSE)
    fewest = min(usual, per_core * cores, fitting)
    tight = budget.connections_that_fit(plan, _TIGHT_WORK_MEM)
    least = max(FEWEST_CONNECTIONS, min(_ENOUGH, tight))
    return Advice(
        max(least, fewest // 10 * 10),
        f"the least of {usual} (usual for {workload}), {per_core} × {cores} cores, and "
        f"{fitting} that fit into RAM with work_mem 4MB; at least {least}",
    )


def _needed(plan: Plan, used: int) -> int:
    """Connections to allow where nearly all are taken; else 0."""
    reserved = plan.count("superuser_reserved_connections")
    if plan.has("reserved_connections"):
        reserved += plan.count("reserved_connections")
    room = (plan.inputs.connections or 0) - reserved
    if used < _NEARLY_ALL * room:
        return 0
    return -(-int(used * _ROOM + reserved) // 10) * 10
