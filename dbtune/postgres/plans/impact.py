"""What findings on plans have in common: the subject they are known by, the level they deserve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dbtune.finding import Confidence, Evidence, Finding, Level, Remedy
from dbtune.postgres.plans.checks import about, on_node
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import plain, shorten

CRITICAL_SHARE = 0.4
WARNING_SHARE = 0.1
_WIDTH = 200


def level(plan: Plan, saving_ms: float | None) -> Level | None:
    """By the share of the statement's time; ``None``, the check's own, where there is no time."""
    if saving_ms is None or not plan.total_ms:
        return None
    share = saving_ms / plan.total_ms
    if share >= CRITICAL_SHARE:
        return Level.critical
    return Level.warning if share >= WARNING_SHARE else Level.info


def cautious_level(plan: Plan, saving_ms: float | None) -> Level | None:
    """As :func:`level`, but never critical: for what may be chance, or is only suspected."""
    found = level(plan, saving_ms)
    return None if found is None else min(found, Level.warning)


def own_ms(plan: Plan, concerned: Callable[[Node], bool]) -> float | None:
    """What some nodes took themselves: a bound of what can be saved in them."""
    found = [node.self_ms for node in plan.nodes if node.self_ms is not None and concerned(node)]
    return sum(found) if found else None


def subject(plan: Plan, node: Node) -> str:
    """The node as a finding's subject; what reads no table is told apart by its keys."""
    name = about(node)
    if node.relation or node.index or node.function or node.cte:
        return name
    keys = ", ".join(node.texts("Sort Key") or node.texts("Group Key"))
    if keys:
        return shorten(plain(f"{name} by {keys}"), _WIDTH)
    read = [one.alias or one.relation for one in plan.descendants(node) if one.relation]
    return shorten(plain(f"{name} of {', '.join(filter(None, read))}"), _WIDTH) if read else name


def node_finding(
    plan: Plan,
    node: Node,
    message: str,
    remedy: Remedy,
    *,
    saving_ms: float | None = None,
    evidence: Mapping[str, Evidence] | None = None,
    level_: Level | None = None,
    confidence: Confidence | None = None,
) -> Finding:
    """A finding about a node, whose level follows from what it can save unless one is given."""
    found = on_node(
        plan,
        node,
        message,
        remedy,
        saving_ms=saving_ms,
        evidence=evidence,
        level=level_ or level(plan, saving_ms),
        confidence=confidence,
    )
    return replace(found, subject=subject(plan, node))


def statement_finding(
    plan: Plan,
    message: str,
    remedy: Remedy,
    *,
    what: str = "statement",
    saving_ms: float | None = None,
    evidence: Mapping[str, Evidence] | None = None,
    level_: Level | None = None,
    confidence: Confidence | None = None,
) -> Finding:
    """A finding about something beside the nodes: planning, JIT, a trigger, a setting.

    Args:
        plan: the plan.
        message: one sentence with the number that decided.
        remedy: what to do.
        what: the subject, where a plan may have several of them.
        saving_ms: what it can save at most.
        evidence: the numbers behind it.
        level_: the level; follows from the saving by default.
        confidence: how sure it is.
    """
    return Finding(
        subject=shorten(plain(what), _WIDTH),
        message=message,
        remedy=remedy,
        evidence={
            "saving_at_most_ms": saving_ms,
            "saving_at_most_ratio": ratio(plan, saving_ms),
            **(evidence or {}),
        },
        level=level_ or level(plan, saving_ms),
        confidence=confidence,
    )


def ratio(plan: Plan, ms: float | None) -> float | None:
    """A time as share of the statement's, at most 1."""
    return min(1.0, ms / plan.total_ms) if ms is not None and plan.total_ms else None


def of_time(plan: Plan, ms: float | None) -> str:
    """``, 12.3 % of the time`` for a message, or "" where there is no time."""
    share = ratio(plan, ms)
    return "" if share is None else f", {share * 100:.0f} % of the statement's time"
