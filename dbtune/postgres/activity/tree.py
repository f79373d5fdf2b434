"""Who waits for whom, as trees: the root is who waits for nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbtune.postgres.facts.sessions import Backend

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A process in a tree.

    Attributes:
        pid: its number; 0 for a prepared transaction.
        depth: 0 for a root.
        root: the root's process.
        blocked: how many wait for it, directly or not.
        last: whether it is the last of those that wait for the same.
        backend: what is known of it; ``None`` if nothing is.
    """

    pid: int
    depth: int
    root: int
    blocked: int
    last: bool
    backend: Backend | None


def trees(backends: Sequence[Backend]) -> list[Node]:
    """All trees, those with most processes first, each from its root downwards.

    A process that waits for several stands below the first of them. Processes that wait for each
    other (a deadlock that the server has not found yet) have no root: one is taken for it.
    """
    known = {one.pid: one for one in backends}
    children: dict[int, list[int]] = {}
    for one in backends:
        if one.blocked_by:
            children.setdefault(one.blocked_by[0], []).append(one.pid)
    roots = [pid for pid in children if pid not in known or not known[pid].blocked_by]
    seen: set[int] = set()

    def walk(pid: int, root: int, depth: int, *, last: bool) -> Iterator[Node]:
        seen.add(pid)
        waiting = [one for one in children.get(pid, ()) if one not in seen and depth < MAX_DEPTH]
        rest: list[Node] = []
        for one in waiting:
            rest += walk(one, root, depth + 1, last=one == waiting[-1])
        yield Node(pid, depth, root, len(rest), last, known.get(pid))
        yield from rest

    starts = [*roots, *(one.pid for one in backends if one.blocked_by)]
    found = [list(walk(pid, pid, 0, last=True)) for pid in starts if pid not in seen]
    found.sort(key=lambda tree: (-len(tree), tree[0].pid))
    return [node for tree in found for node in tree]
