"""Checks on one plan. The fact is ``plan`` (:class:`~dbtune.postgres.plans.model.Plan`).

Names are ``plan.<what-is-wrong>``. Every finding says which node it is about and an upper bound of
what mending it can save, and there is none where that bound is not worth a person's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbtune.finding import Confidence, Evidence, Finding, Level, Remedy
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import plain, shorten

MIN_MS = 5.0
"""Savings below this many milliseconds are not worth a finding (a threshold of most checks)."""
MIN_SHARE = 0.05
"""Savings below this share of the statement's time are not worth a finding."""


def about(node: Node) -> str:
    """The node as a finding's subject: what it does on what, without any number."""
    name = node.relation or node.function or node.cte or ""
    if node.schema and node.relation:
        name = f"{node.schema}.{name}"
    words = [node.label]
    if node.index:
        words.append(f"using {node.index}")
    if name:
        words.append(f"on {name}")
    if node.alias and node.alias != node.relation:
        words.append(node.alias)
    if node.subplan:
        words.append(f"({node.subplan})")
    return shorten(plain(" ".join(words)), 200)


def worth(
    plan: Plan, saving_ms: float | None, min_ms: float = MIN_MS, min_share: float = MIN_SHARE
) -> bool:
    """Whether a saving is worth a finding; where the plan has no times, everything is."""
    if saving_ms is None or plan.total_ms is None:
        return True
    return saving_ms >= min_ms and saving_ms >= min_share * plan.total_ms


def on_node(
    plan: Plan,
    node: Node,
    message: str,
    remedy: Remedy,
    *,
    saving_ms: float | None = None,
    evidence: Mapping[str, Evidence] | None = None,
    level: Level | None = None,
    confidence: Confidence | None = None,
) -> Finding:
    """A finding about a node, with the node's number and the bound of the saving as evidence."""
    share = saving_ms / plan.total_ms if saving_ms is not None and plan.total_ms else None
    return Finding(
        subject=about(node),
        message=message,
        remedy=remedy,
        evidence={
            "node": node.id,
            "saving_at_most_ms": saving_ms,
            "saving_at_most_ratio": None if share is None else min(1.0, share),
            **(evidence or {}),
        },
        level=level,
        confidence=confidence,
    )


def ancestors(plan: Plan, node: Node) -> Iterator[Node]:
    """The node's parent, its parent, and so on to the root."""
    while node.parent is not None:
        node = plan.nodes[node.parent]
        yield node


def descendants(plan: Plan, node: Node) -> Iterator[Node]:
    """All nodes below a node, in tree order."""
    for child in node.children:
        yield plan.nodes[child]
        yield from descendants(plan, plan.nodes[child])
