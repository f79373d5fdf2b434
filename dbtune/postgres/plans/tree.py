"""The tree of a plan in text format, from the columns in which its nodes stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LEAVES = frozenset(
    (
        *("Seq Scan", "Sample Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"),
        *("Tid Scan", "Tid Range Scan", "Function Scan", "Table Function Scan", "Values Scan"),
        *("CTE Scan", "WorkTable Scan", "Named Tuplestore Scan"),
    )
)
_TWO = frozenset(("Nested Loop", "Hash Join", "Merge Join", "Recursive Union"))
_ONE = frozenset(
    (
        *("Aggregate", "Sort", "Incremental Sort", "Group", "WindowAgg", "Unique", "LockRows"),
        *("Limit", "Hash", "Gather", "Gather Merge", "Materialize", "Memoize", "Subquery Scan"),
        *("Bitmap Heap Scan", "ProjectSet"),
    )
)
_ANY = 1_000_000


@dataclass
class Placed:
    """A node, or the label of a sub-plan (``InitPlan 1``), and its column.

    Attributes:
        column: column of the node's arrow or the label.
        node: the node's keys; empty for a label.
        label: what the sub-plan that follows is called.
        plain: how many children it has got, sub-plans not counted.
        rows, cost: their planned rows and costs, added up.
    """

    column: int
    node: dict[str, Any]
    label: str = ""
    plain: int = 0
    rows: float = 0
    cost: float = 0

    @property
    def type(self) -> str:
        """The node's type."""
        return str(self.node["Node Type"])

    @property
    def lacks_children(self) -> bool:
        """Whether it has fewer children than a node of its type must have."""
        return self.plain < child_counts(self.type)[0]

    def adopt(self, child: dict[str, Any], label: str) -> None:
        """Make a node a child; its relationship follows from the label or the types."""
        self.node.setdefault("Plans", []).append(child)
        if label:
            child["Subplan Name"] = label
            child["Parent Relationship"] = "SubPlan" if label.startswith("SubPlan") else "InitPlan"
        else:
            self.plain += 1
            self.rows += child.get("Plan Rows") or 0
            self.cost += child.get("Total Cost") or 0
            child["Parent Relationship"] = relationship(self.type, self.plain)


def child_counts(node_type: str) -> tuple[int, int]:
    """How few and how many children a node of a type has, sub-plans not counted."""
    if node_type in _LEAVES:
        return 0, 0
    if node_type in _TWO:
        return 2, 2
    if node_type in _ONE:
        return 1, 1
    if node_type == "ModifyTable":
        return 1, _ANY  # one per table before PostgreSQL 14
    if node_type == "SetOp":
        return 1, 2  # two since PostgreSQL 18
    if node_type in ("Result", "Foreign Scan"):
        return 0, 1
    return 0, _ANY


def grow(placed: Sequence[Placed]) -> tuple[dict[str, Any], str]:
    """The root with its children under ``Plans``, and what had to be guessed, or "".

    Children get the Parent Relationship that the text format does not say.
    """
    root = placed[0]
    flat = len(placed) > 2 and all(one.column == placed[1].column for one in placed[1:])
    if flat and (root.column >= placed[1].column or _overfull(placed)):
        _by_arity(placed)
        return root.node, "the indentation is lost: the tree is a guess from the kinds of nodes"
    _by_column(placed)
    return root.node, ""


def _by_column(placed: Sequence[Placed]) -> None:
    stack = [placed[0]]
    owner: tuple[Placed, str] | None = None
    for one in placed[1:]:
        if owner is None or one.label:
            while len(stack) > 1 and stack[-1].column >= one.column:
                stack.pop()
        if one.label:
            owner = (stack[-1], one.label)
            continue
        parent, label = owner or (stack[-1], "")
        owner = None
        parent.adopt(one.node, label)
        stack.append(one)


def _overfull(placed: Sequence[Placed]) -> bool:
    children = sum(not one.label for one in placed) - 1
    return children > child_counts(placed[0].type)[1]


def _by_arity(placed: Sequence[Placed]) -> None:
    """Give each node the children that its type must have, in the order in which they came.

    Append and its like take any number: there the costs tell, a node's is never below its child's.
    InitPlans and CTEs come before a node's children, SubPlans after them.
    """
    stack = [placed[0]]
    label = ""
    owner = placed[0]
    for one in placed[1:]:
        if one.label:
            label = one.label
            continue
        if label.startswith("SubPlan"):
            while len(stack) > 1 and not _mentions(stack[-1].node, label):
                stack.pop()
        elif label:
            waiting = [above for above in stack if above.lacks_children]
            if waiting:
                owner = waiting[-1]
            elif "Plans" not in stack[-1].node and not stack[-1].node.get("Subplan Name"):
                owner = stack[-1]
            del stack[next(at for at, above in enumerate(stack) if above is owner) + 1 :]
        else:
            while len(stack) > 1 and not _takes(stack[-1], one.node):
                stack.pop()
        stack[-1].adopt(one.node, label)
        stack.append(one)
        label = ""


def _mentions(node: dict[str, Any], label: str) -> bool:
    """Whether a node's lines mention a SubPlan."""
    return label.partition(" (")[0] in str({**node, "Plans": ()})


def _takes(parent: Placed, child: dict[str, Any]) -> bool:
    """Whether a node can have one more child."""
    kind = parent.type
    if parent.plain >= child_counts(kind)[1]:
        return False
    bitmap = child["Node Type"] in _BITMAPS
    if bitmap != (kind in ("Bitmap Heap Scan", "BitmapAnd", "BitmapOr")):
        return False
    if parent.lacks_children:
        return True
    rows = parent.rows + (child.get("Plan Rows") or 0)
    cost = parent.cost + (child.get("Total Cost") or 0.0)
    exact = kind in _APPENDS and not parent.node.get("Parallel Aware")
    if exact and rows > (parent.node.get("Plan Rows") or rows):
        return False
    return bool(cost <= parent.node.get("Total Cost", cost) + 0.01)


_BITMAPS = ("Bitmap Index Scan", "BitmapAnd", "BitmapOr")
_APPENDS = ("Append", "Merge Append")


def relationship(parent_type: str, nth: int) -> str:
    """What the nth plain child of a node of a type is to it, as ExplainNode in explain.c says."""
    if parent_type in ("Append", "Merge Append", "BitmapAnd", "BitmapOr"):
        return "Member"
    if parent_type == "Subquery Scan":
        return "Subquery"
    if parent_type == "Custom Scan":
        return "child"
    return "Outer" if nth == 1 else "Inner"
