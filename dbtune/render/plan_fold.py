"""What of a plan's tree is drawn: branches that took next to nothing are one line; the guides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dbtune.plan_tree import TreeNode

_SMALL_PLAN = 30
"""Of plans of so many nodes only branches that are alike are folded."""
_NOISE = 0.01
"""Branches of a smaller share are noise."""
_MANY, _NOISE_AMONG_MANY = 8, 0.05
"""One of many siblings (partitions) is noise up to a larger share."""
_ALIKE = 1.5
"""... and so are those of many that do the same, up to so many times what they took on average."""
_LEAST = 3
"""Folding fewer nodes than this would save nothing."""


def folded(nodes: Sequence[TreeNode]) -> list[TreeNode]:
    """The nodes, with runs of branches that matter to nobody replaced by one node each."""
    if all(node.share is None for node in nodes):
        return list(nodes)
    ends, parents = _ends(nodes), _parents(nodes)
    siblings = Counter(parents)
    small = len(nodes) <= _SMALL_PLAN
    alike = _alike(nodes, ends, parents)
    noise = []
    for at in range(len(nodes)):
        many = siblings[parents[at]] > _MANY
        most = 0.0 if small else _NOISE_AMONG_MANY if many else _NOISE
        noise.append(_is_noise(nodes[at : ends[at]], max(most, alike.get(at, 0.0))))
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


def _alike(
    nodes: Sequence[TreeNode], ends: Sequence[int], parents: Sequence[int]
) -> dict[int, float]:
    """Branches of which there are many that do the same, and up to which share each is noise."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for at, parent in enumerate(parents):
        # What they do, not on what.
        does = (node.title.partition(" on ")[0] for node in nodes[at : ends[at]])
        groups.setdefault((parent, *does), []).append(at)
    found: dict[int, float] = {}
    for group in groups.values():
        if len(group) > _MANY:
            whole = sum(node.share or 0 for at in group for node in nodes[at : ends[at]])
            found |= dict.fromkeys(group, max(1e-9, _ALIKE * whole / len(group)))
    return found


def _ends(nodes: Sequence[TreeNode]) -> list[int]:
    """For each node, where the branch that it is the root of ends."""
    ends = [len(nodes)] * len(nodes)
    open_: list[int] = []
    for at, node in enumerate(nodes):
        while open_ and nodes[open_[-1]].depth >= node.depth:
            ends[open_.pop()] = at
        open_.append(at)
    return ends


def _parents(nodes: Sequence[TreeNode]) -> list[int]:
    """For each node, where its parent is; -1 for the root."""
    parents: list[int] = []
    path: list[int] = []
    for at, node in enumerate(nodes):
        del path[node.depth :]
        parents.append(path[-1] if path else -1)
        path.append(at)
    return parents


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


def guides(depths: Sequence[int], room: int | None) -> Iterator[tuple[str, str]]:
    """The lines that lead to each node, and those that go on below it.

    Args:
        depths: of the nodes, in tree order; the first is the root.
        room: how many columns there are for them and what follows. If they would take half of it,
            they get one column a level, not two, and a quarter of it: of deep nodes only the
            innermost levels are drawn, since what a node is matters more than how deep it lies.
    """
    wide = room is None or 4 * max(depths, default=0) <= room
    step, longest = (2, None) if wide or room is None else (1, max(8, room // 4))
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
