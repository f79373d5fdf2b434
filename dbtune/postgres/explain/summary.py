"""What a plan's nodes took, added up by type, table or index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dbtune.postgres.plans.model import Node, Plan


@dataclass(frozen=True, slots=True)
class Share:
    """What several nodes took together.

    Attributes:
        name: what they have in common.
        nodes: how many they are.
        self_ms: their own parts; ``None`` if the plan has no times.
        self_ratio: share of the whole.
        self_cost: likewise, of the estimated cost.
    """

    name: str
    nodes: int
    self_ms: float | None
    self_ratio: float | None
    self_cost: float | None


def by(plan: Plan, name: Callable[[Node], str | None]) -> tuple[Share, ...]:
    """The nodes that have a name, added up under it, largest first."""
    groups: dict[str, list[Node]] = {}
    for node in plan.nodes:
        if key := name(node):
            groups.setdefault(key, []).append(node)
    shares = [
        Share(
            key,
            len(nodes),
            _sum([node.self_ms for node in nodes]),
            _sum([node.self_ratio for node in nodes]),
            _sum([node.self_cost for node in nodes]),
        )
        for key, nodes in groups.items()
    ]
    return tuple(sorted(shares, key=lambda one: (-(one.self_ms or one.self_cost or 0), one.name)))


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None
