"""The statement as a whole: triggers, JIT, and time that no node has."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from dbtune.postgres.plans.model import Plan, Trigger
from dbtune.postgres.plans.order import execution_order


def account(plan: Plan, after_root: float) -> Plan:
    """Place triggers and JIT, and find the time that nobody has."""
    nodes = list(plan.nodes)
    if plan.truncated:
        last = nodes[-1]
        for node in (last, *plan.ancestors(last)):
            nodes[node.id] = replace(
                node, self_ms=None, cpu_ms=None, self_buffers=None, self_io=None, self_wal=None
            )
    if not plan.timing:
        return replace(plan, nodes=tuple(nodes), total_ms=plan.execution_ms or plan.duration_ms)
    inside = (plan.root.inclusive_ms or 0.0) + after_root
    given = plan.execution_ms if plan.execution_ms is not None else plan.duration_ms
    triggers = _place_triggers(plan, None if given is None else given - inside)
    after = sum(one.time_ms or 0.0 for one in triggers if one.phase == "after")
    total = inside + after if given is None else given
    if total > 0:
        nodes = [
            node if node.self_ms is None else replace(node, self_ratio=node.self_ms / total)
            for node in nodes
        ]
    if (pinned := _pin_jit(plan)) is not None:
        nodes[pinned[0]] = replace(nodes[pinned[0]], jit_ms=pinned[1])
    # What one that may be either took is no time that nobody has.
    unsure = sum(one.time_ms or 0.0 for one in triggers if one.phase is None)
    unaccounted = None if given is None else max(0.0, given - inside - after - unsure)
    return replace(
        plan, nodes=tuple(nodes), triggers=triggers, total_ms=total, unaccounted_ms=unaccounted
    )


def _place_triggers(plan: Plan, outside: float | None) -> tuple[Trigger, ...]:
    """AFTER triggers run when the nodes are done; BEFORE triggers are part of a ModifyTable.

    Triggers of constraints are AFTER triggers. Of the others, the time that is left tells; where
    no more than the nodes' times is known, what does not fit into a ModifyTable must be outside.
    """
    placed = []
    for trigger in plan.triggers:
        time = trigger.time_ms
        room = sum(
            node.self_ms or 0.0
            for node in plan.nodes
            if node.type == "ModifyTable" and trigger.relation in (node.relation, None)
        )
        phase: Literal["before", "after"] | None = None
        if trigger.constraint is not None:
            phase = "after"
        elif time is not None:
            fits_outside, fits_inside = outside is None or time <= outside, time <= room
            if fits_outside != fits_inside:
                phase = "after" if fits_outside else "before"
        if phase == "after" and outside is not None:
            outside -= time or 0.0
        placed.append(replace(trigger, phase=phase))
    return tuple(placed)


def _pin_jit(plan: Plan) -> tuple[int, float] | None:
    """The node in which code was compiled, and how long that took.

    LLVM inlines, optimizes and emits all code of a statement when the first compiled expression is
    evaluated; only generating it is done before any node runs. Workers compile for themselves.
    """
    jit = plan.jit
    parallel = any(node.number("Workers Launched") for node in plan.nodes)
    if jit is None or parallel or plan.truncated:
        return None
    spent = (jit.inlining_ms or 0.0) + (jit.optimization_ms or 0.0) + (jit.emission_ms or 0.0)
    if spent < 1:
        return None
    for event in execution_order(plan):
        node = plan.nodes[event.node]
        if node.self_ms is not None and node.self_ms >= spent:
            return node.id, spent
    return None
