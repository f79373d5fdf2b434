"""A plan as people see it: what each step took, as a tree. An engine fills it, a renderer draws it.

It says what is worth a person's eye; widths, colours and what to leave out are the renderer's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from dbtune.finding import Level

Unit = Literal["ms", "cost", "blocks"]


class Part(NamedTuple):
    """A part of what the whole statement took.

    Attributes:
        label: ``#7``, or what else took it.
        title: what a node does, or "".
        share: of the whole, from 0 to 1.
    """

    label: str
    title: str
    share: float


class Fact(NamedTuple):
    """Something that is known of a node or of the statement.

    Attributes:
        group: the heading that it stands under.
        label: what it is.
        text: what it says, with its unit.
    """

    group: str
    label: str
    text: str


Facts = Callable[[], tuple[Fact, ...]]
"""Asked for by renderers that show them; the others need not wait until they are made."""


def no_facts() -> tuple[Fact, ...]:
    """Nothing is known."""
    return ()


class TreeNode(NamedTuple):
    """One node of a plan, in tree order.

    Attributes:
        id: its number, from 0.
        depth: of the root: 0.
        title: what it does on what.
        amount: its own part, in the tree's unit; ``None`` if the plan does not tell.
        share: that part of the whole, from 0 to 1.
        estimate: rows that were planned, of all loops.
        rows: rows that came, of all loops.
        loops: how often it ran, in all processes.
        factor: how many times more or fewer rows came than were planned, at least 1.
        more: more rows came than were planned.
        executed: it ran, or nothing did because the plan is only an estimate.
        marks: what is remarkable about it, in a few words each.
        details: its conditions and the like; for nodes that matter.
        level: of its worst finding.
        rules: names of its findings' rules.
        folds: it stands for so many nodes that a renderer folded; 0 for a real one.
        facts: gives all that is known of it.
    """

    id: int
    depth: int
    title: str
    amount: float | None = None
    share: float | None = None
    estimate: float | None = None
    rows: float | None = None
    loops: float | None = None
    factor: float | None = None
    more: bool = False
    executed: bool = True
    marks: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    level: Level | None = None
    rules: tuple[str, ...] = ()
    folds: int = 0
    facts: Facts = no_facts


class PlanTree(NamedTuple):
    """One plan.

    Attributes:
        headline: what the whole took.
        unit: of the nodes' amounts: time, estimated cost, or blocks of data.
        nodes: in tree order, parents before children.
        parts: what took most, largest first; the rest is theirs who are not named.
        statement: its text, or "".
        whole: what shares are of, in that unit.
        outside: everything that took a part of the whole and is no node.
        facts: gives what is known of the statement as a whole.
    """

    headline: str
    unit: Unit
    nodes: tuple[TreeNode, ...]
    parts: tuple[Part, ...] = ()
    statement: str = ""
    whole: float = 0.0
    outside: tuple[Part, ...] = ()
    facts: Facts = no_facts
