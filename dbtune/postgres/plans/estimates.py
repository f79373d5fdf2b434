"""Where the planner's row counts start to be wrong, and why that may be.

A wrong estimate goes up the tree: only the lowest node that has it is of interest. Not every
difference is an error: below LIMIT, EXISTS and merge joins a node may be stopped before it has
returned all its rows, and the inner side of a merge join may return rows twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import JOINS, TABLE_SCANS, child, is_user_table, without_hash

Cause = Literal[
    "parameter",
    "function",
    "expression",
    "beyond",
    "correlated",
    "column",
    "table",
    "join",
    "other",
]

MIN_FACTOR = 10.0
"""Estimates are off by this factor before they are worth a finding."""
MIN_ROWS = 1000
"""... and by this many rows in all loops together."""
_EMPTY_SHARE = 0.0002
"""With 100 bins, a range beyond the last value is taken for 0.0001 of the table."""
_EMPTY_FACTOR = 1000
"""Where it is not known what share was taken, such an error is taken for an empty range."""
_PASSES_ON = frozenset(
    (
        *("Hash", "Sort", "Incremental Sort", "Materialize", "Memoize", "Gather", "Gather Merge"),
        *("Limit", "ModifyTable", "LockRows", "BitmapAnd", "BitmapOr", "Bitmap Index Scan"),
        *("Result", "WorkTable Scan", "Recursive Union", "CTE Scan", "Subquery Scan", "ProjectSet"),
        *("Append", "Merge Append", "WindowAgg", "SetOp", "Unique", "Group", "Aggregate"),
    )
)
"""Nodes whose estimate comes from below, from a rule of thumb, or is not comparable."""
_READS_ALL = ("Sort", "Hash", "Bitmap Heap Scan", "BitmapAnd", "BitmapOr", "ModifyTable")
_STOPS_AT_FIRST = ("Semi", "Anti", "Right Semi", "Right Anti")
_DECIDES = (*JOINS, "Sort", "Aggregate", "Memoize", "WindowAgg", "Incremental Sort")


@dataclass(frozen=True, slots=True)
class Miss:
    """An estimate that is off.

    Attributes:
        node: the lowest node that has it.
        planned: rows expected per loop.
        actual: rows that came per loop, at least or at most, taking rounding into account.
        factor: how far off it is, at least.
        cause: what it may be due to.
        found: the conditions of the node, if it is a scan.
        decided: the nearest node above that was chosen or sized by it.
    """

    node: Node
    planned: float
    actual: float
    factor: float
    cause: Cause
    found: tuple[Term, ...]
    decided: Node

    @property
    def under(self) -> bool:
        """Whether more rows came than were expected."""
        return self.actual > self.planned


def misses(
    plan: Plan, *, min_factor: float = MIN_FACTOR, min_rows: float = MIN_ROWS
) -> Iterator[Miss]:
    """The nodes at which estimates start to be off by enough to have decided something."""
    for node in plan.nodes:
        factor = certain_factor(plan, node)
        if node.type in _PASSES_ON or factor < min_factor:
            continue
        planned, actual = expected(node) or 1, _actual(node)
        if abs(planned - actual) * (node.loops or 0) < min_rows:
            continue
        if any(certain_factor(plan, one) * 3 > factor for one in _sources(plan, node)):
            continue  # it comes from below
        decided = decided_by(plan, node)
        if decided is None:
            continue
        found = scan_terms(node)
        cause = _cause(plan, node, found)
        yield Miss(node, planned, actual, factor, cause, found, decided)


def outer_miss(
    plan: Plan, join: Node, *, min_factor: float = MIN_FACTOR, min_loops: int = 1000
) -> Miss | None:
    """A nested loop that ran far more often than expected, because of its outer side's estimate."""
    outer, inner = child(plan, join, "Outer"), child(plan, join, "Inner")
    if join.type != "Nested Loop" or outer is None or inner is None:
        return None
    factor = certain_factor(plan, outer)
    planned, actual = expected(outer) or 1, _actual(outer)
    # A Memoize above the inner side is what runs that often.
    if actual < planned or factor < min_factor or (inner.loops or 0) < min_loops:
        return None
    found = scan_terms(outer)
    return Miss(outer, planned, actual, factor, _cause(plan, outer, found), found, join)


def scan_terms(node: Node) -> tuple[Term, ...]:
    """All conditions of a scan that are about its own table."""
    keys = ("Index Cond", "Recheck Cond", "Filter")
    if node.type not in TABLE_SCANS:
        return ()
    alias = node.alias or node.relation
    return tuple(term for key in keys for term in terms(node.conditions.get(key, ""), alias))


def origin(plan: Plan, node: Node) -> Node:
    """The lowest node below one from which its wrong estimate comes."""
    while True:
        factor = certain_factor(plan, node)
        worse = [one for one in _sources(plan, node) if certain_factor(plan, one) * 3 > factor > 1]
        if not worse:
            return node
        node = max(worse, key=lambda one: certain_factor(plan, one))


def decided_by(plan: Plan, node: Node) -> Node | None:
    """The nearest node above that would be another, or of another size, for other rows."""
    for above in plan.ancestors(node):
        if node.subplan is not None or (above.type == "Aggregate" and above.strategy == "Plain"):
            return None  # one value comes out whatever goes in
        if above.type in _DECIDES:
            return above
        node = above
    return None


def _sources(plan: Plan, node: Node) -> list[Node]:
    """The nodes from whose rows a node's are estimated."""
    below = [one for one in plan.children(node) if one.subplan is None]
    found = [without_hash(plan, one, tuple(_PASSES_ON)) or one for one in below]
    return [*below, *(one for one in found if one not in below)]


def expected(node: Node) -> float | None:
    """Rows planned per loop; where processes share them, per loop of those that there were."""
    if node.planned_total_rows is None or not node.loops:
        return node.plan_rows
    return node.planned_total_rows / node.loops


def _actual(node: Node) -> float:
    """Rows per loop, moved towards the estimate by what rounding hides; at least 1, as planned."""
    rows, planned = node.actual_rows or 0.0, expected(node) or 1
    half = node.rows_step / 2 if (node.loops or 0) > 1 else 0.0
    if rows > planned:
        return max(planned, rows - half)
    return max(1.0, min(planned, rows + half))


def certain_factor(plan: Plan, node: Node) -> float:
    """How far off an estimate certainly is; 1 where that can't be told."""
    if not node.executed or node.plan_rows is None or node.actual_rows is None or plan.truncated:
        return 1.0
    planned, actual = max(1.0, expected(node) or 0.0), _actual(node)
    if actual > planned:
        return 1.0 if _returns_twice(plan, node) else actual / planned
    return 1.0 if actual < planned and _may_stop_early(plan, node) else planned / actual


def _returns_twice(plan: Plan, node: Node) -> bool:
    """The inner side of a merge join goes back over rows with equal keys, and counts them again."""
    above = plan.nodes[node.parent] if node.parent is not None else None
    return above is not None and above.type == "Merge Join" and node.relationship == "Inner"


def _may_stop_early(plan: Plan, node: Node) -> bool:
    """Whether something above may have stopped asking for rows."""
    for above in plan.ancestors(node):
        if node.subplan is not None:
            return True  # EXISTS asks for one row, a CTE's reader for as many as it needs
        if above.type in _READS_ALL or (above.type == "Aggregate" and above.strategy != "Sorted"):
            return False
        if above.type in ("Limit", "Merge Join", "Merge Append"):
            return True
        if above.type == "Hash Join" and _hash_is_empty(plan, above):
            return True
        if above.type == "Nested Loop" and node.relationship == "Inner":
            unique = not plan.verbose or above.props.get("Inner Unique") is True
            if unique or above.join_type in _STOPS_AT_FIRST:
                return True
        node = above
    return node.subplan is not None


def _hash_is_empty(plan: Plan, join: Node) -> bool:
    inner = child(plan, join, "Inner")
    return inner is not None and not inner.total_rows


def _cause(plan: Plan, node: Node, found: tuple[Term, ...]) -> Cause:
    if node.type in ("Function Scan", "Table Function Scan"):
        return "function"
    if node.type in JOINS:
        return "join"
    if node.type not in TABLE_SCANS or not is_user_table(node):
        return "other"
    if not found:
        return "table"
    if re.search(r"\$\d", " ".join(node.conditions.values())) and _is_generic(plan, found):
        return "parameter"
    if any(term.column is None for term in found):
        return "expression"
    columns = {term.column.name for term in found if term.column}
    if len(columns) > 1:
        return "correlated"
    return "beyond" if _is_beyond(node, found) else "column"


def _is_beyond(node: Node, found: tuple[Term, ...]) -> bool:
    """Whether a range was taken to be empty: a hundredth of a bin of the histogram, or one row."""
    planned, actual = expected(node) or 1, _actual(node)
    if actual < planned or any(term.kind != "range" for term in found):
        return False
    read = (node.actual_rows or 0) + (node.removed.filter or 0) / (node.loops or 1)
    if node.type == "Seq Scan":
        return planned <= max(1, _EMPTY_SHARE * read)
    return planned <= 1 or actual >= _EMPTY_FACTOR * planned


def _is_generic(plan: Plan, found: tuple[Term, ...]) -> bool:
    """Whether ``$1`` is the statement's parameter; up to 16, ``$0`` may be an InitPlan's."""
    internal: set[str] = set()
    for node in plan.nodes:
        # InitPlan 1 (returns $0)
        internal.update(re.findall(r"\$\d+", node.subplan or ""))
    return any(term.parameter and term.parameter not in internal for term in found)
