"""What of a plan's tree is drawn: branches that took next to nothing are one line; the guides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dbtune.plan_tree import TreeNode

_SMALL_PLAN = 30
"""Plans of so many nodes are shown whole."""
_NOISE = 0.01
"""Branches of a smaller share are noise."""
_MANY, _NOISE_AMONG_MANY = 8, 0.05
"""One of many siblings (partitions) is noise up to a larger share."""
_LEAST = 3
"""Folding fewer nodes than this would save nothing."""


def folded(nodes: Sequence[TreeNode]) -> list[TreeNode]:
    """The nodes, with runs of branches that matter to nobody replaced by one node each."""
    if len(nodes) <= _SMALL_PLAN or all(node.share is None for node in nodes):
        return list(nodes)
    ends, siblings = _ends(nodes), _siblings(nodes)
    noise = [
        _is_noise(nodes[at : ends[at]], _NOISE_AMONG_MANY if siblings[at] > _MANY else _NOISE)
        for at in range(len(nodes))
    ]
    shown: list[TreeNode] = []
    at = 0
    while at < len(nodes):
        end = at
        # The run goes on as long as siblings are noise.
        while end < len(nodes) and noise[end] and nodes[end].depth == nodes[at].depth:
            end = ends[end]
        if end - at >= _LEAST:
            shown.append(_fold(nodes[at:end]))
            at = end
        else:
            shown.append(nodes[at])
            at += 1
    return shown


def _ends(nodes: Sequence[TreeNode]) -> list[int]:
    """For each node, where the branch that it is the root of ends."""
    ends = [len(nodes)] * len(nodes)
    open_: list[int] = []
    for at, node in enumerate(nodes):
        while open_ and nodes[open_[-1]].depth >= node.depth:
            ends[open_.pop()] = at
        open_.append(at)
    return ends


def _siblings(nodes: Sequence[TreeNode]) -> list[int]:
    """For each node, how many children its parent has."""
    parents: list[int] = []
    path: list[int] = []
    for at, node in enumerate(nodes):
        del path[node.depth :]
        parents.append(path[-1] if path else -1)
        path.append(at)
    counts = Counter(parents)
    return [counts[parent] for parent in parents]


def _is_noise(branch: Sequence[TreeNode], most: float) -> bool:
    share = sum(node.share or 0 for node in branch)
    return share < most and not any(node.level for node in branch)


def _fold(run: Sequence[TreeNode]) -> TreeNode:
    amounts = [node.amount for node in run if node.amount is not None]
    rows = [one.rows for one in run if one.depth == run[0].depth and one.rows is not None]
    title = f"⋯ {len(run)} nodes, #{run[0].id} to #{run[-1].id}: {run[0].title}"
    return TreeNode(
        run[0].id,
        run[0].depth,
        title + (", ..." if len(run) > 1 else ""),
        amount=sum(amounts) if amounts else None,
        share=sum(node.share or 0 for node in run),
        rows=sum(rows) if rows else None,
        executed=any(node.executed for node in run),
        folds=len(run),
    )


def guides(depths: Sequence[int], longest: int | None) -> Iterator[tuple[str, str]]:
    """The lines that lead to each node, and those that go on below it.

    Args:
        depths: of the nodes, in tree order; the first is the root.
        longest: how many columns they may take; deep plans get one column a level, not two, and
            of the deepest only the innermost levels are drawn.
    """
    step = 2 if longest is None or 2 * max(depths, default=0) <= longest else 1
    goes_on: list[list[bool]] = []
    later: list[bool] = []  # by depth: a sibling follows
    for depth in reversed(depths):
        later = [*later, *[False] * (depth + 1 - len(later))]
        has_children = len(later) > depth + 1 and later[depth + 1]
        goes_on.append([*later[1 : depth + 1], has_children])
        later = [*later[:depth], True]
    for depth, on in zip(depths, reversed(goes_on), strict=True):
        bars = ["│" if one else " " for one in on]
        tee = ("├" if on[depth - 1] else "└") if depth else ""
        guide = "".join(bar.ljust(step) for bar in bars[: max(0, depth - 1)])
        guide += tee.ljust(step) if depth else ""
        below = "".join(bar.ljust(step) for bar in bars[:depth]) + bars[depth].ljust(step)
        yield _last(guide, longest), _last(below, longest)


def _last(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    return "…" + text[len(text) - longest + 1 :]
