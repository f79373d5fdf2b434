"""Plans as frames that lie in each other, for pictures: each as wide as it and what is below took.

The widths are made of the nodes' own parts, so that they add up: a CTE or InitPlan is as wide as
what was read of it, and hangs where the plan prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dbtune.plan_tree import PlanTree, TreeNode, Unit
from dbtune.text import bytes_text, count_text, ms_text

BLOCK_BYTES = 8192
HEAT = (0.01, 0.1, 0.25, 0.4)
"""Shares of the whole from which on a frame is hotter, from the second coolest heat on."""


class Frame(NamedTuple):
    """One frame.

    Attributes:
        node: the node, or ``None`` for the statement itself and what is no node.
        depth: of the statement: 0.
        title: what it is.
        start: where it begins, from 0 to 1.
        width: share of the whole that it and the frames below it have.
        own: its own part of that.
        amount: its own part in the tree's unit.
        total: that of it and of the frames below it.
    """

    node: TreeNode | None
    depth: int
    title: str
    start: float
    width: float
    own: float
    amount: float
    total: float


def frames(tree: PlanTree) -> Iterator[Frame]:
    """The frames of a plan, parents before children, from left to right.

    None for a plan that tells nothing in its unit.
    """
    own = [max(0.0, node.amount or 0.0) for node in tree.nodes]
    beside = [(part.label, max(0.0, part.share) * tree.whole) for part in tree.outside]
    whole = sum(own) + sum(amount for _, amount in beside)
    if not whole > 0:
        return
    widths = _widths(tree, own)
    yield Frame(None, 0, statement(tree), 0.0, 1.0, 0.0, 0.0, whole)
    at = [0.0] * (max(node.depth for node in tree.nodes) + 2)  # by depth: where the next begins
    for node, amount, width in zip(tree.nodes, own, widths, strict=True):
        start = at[node.depth]
        yield Frame(
            node,
            node.depth + 1,
            node.title,
            start / whole,
            width / whole,
            amount / whole,
            amount,
            width,
        )
        at[node.depth + 1] = start  # children begin where their parent does
        at[node.depth] = start + width
    reached = at[0]
    for label, amount in beside:
        share = amount / whole
        yield Frame(None, 1, label, reached / whole, share, share, amount, amount)
        reached += amount


def _widths(tree: PlanTree, own: list[float]) -> list[float]:
    """What each node and all below it took."""
    widths = list(own)
    path: list[int] = []
    parents = []
    for at, node in enumerate(tree.nodes):
        del path[node.depth :]
        parents.append(path[-1] if path else None)
        path.append(at)
    for at in range(len(widths) - 1, 0, -1):
        if (parent := parents[at]) is not None:
            widths[parent] += widths[at]
    return widths


def statement(tree: PlanTree) -> str:
    """What the outermost frame is called."""
    return "statement" if tree.unit == "ms" else "plan"


def heat(share: float) -> int:
    """How hot a share of the whole is, from 0 to 4."""
    return sum(share >= step for step in HEAT)


def amount_text(amount: float, unit: Unit) -> str:
    """An amount with its unit."""
    if unit == "ms":
        return ms_text(amount)
    if unit == "blocks":
        return f"{count_text(round(amount))} blocks ({bytes_text(amount * BLOCK_BYTES)})"
    return f"cost {count_text(amount)}"
