"""What checks on scans share: how often a node ran, what it discards, and what that costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbtune.finding import Evidence
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import count_text, ms_text, ratio_text

INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")
TABLE_SCANS = ("Seq Scan", *INDEX_SCANS)
JOINS = ("Nested Loop", "Hash Join", "Merge Join")
_MIN_UNTIMED_COST = 1000
"""Without times, a node of a smaller cost is not worth a finding."""
_MIN_UNTIMED_ROWS = 100_000
"""Without times and costs, fewer rows are not worth a finding."""


@dataclass(frozen=True, slots=True)
class Discard:
    """A scan that reads rows and drops them; partitions that do alike are taken together.

    Attributes:
        node: the scan, of several the one that drops the most.
        others: how many other partitions do alike.
        removed: rows dropped in all loops, at least.
        kept: rows that came through.
        terms: the conditions of its filter.
        saving_ms: the part of its own time that it spent on dropped rows.
    """

    node: Node
    others: int
    removed: float
    kept: float
    terms: tuple[Term, ...]
    saving_ms: float | None

    @property
    def evidence(self) -> dict[str, Evidence]:
        """The numbers behind a finding."""
        return {
            "rows_read": round(self.removed + self.kept),
            "rows_removed": round(self.removed),
            "rows_kept": round(self.kept),
            "kept_ratio": self.kept / (self.removed + self.kept),
            "self_ms": self.node.self_ms,
            "loops": self.node.loops,
            "other_partitions": self.others,
        }

    @property
    def message(self) -> str:
        """What it reads and drops."""
        what = self.node.relation or self.node.label
        others = f" and {self.others} other partitions" if self.others else ""
        saving = (
            "" if self.saving_ms is None else f", at most {ms_text(self.saving_ms)} for nothing"
        )
        return (
            f"read {count_text(round(self.removed + self.kept))} rows of {what}{others} "
            f"to keep {count_text(round(self.kept))}{saving}"
        )

    @property
    def partition_hint(self) -> str:
        """What to add to a remedy for a table that is one partition of several."""
        if not self.others:
            return ""
        return (
            f" Do the same on the {self.others} other partitions, then CREATE INDEX on the "
            "partitioned table, which takes them over."
        )


def discards(
    plan: Plan,
    types: Sequence[str],
    *,
    min_removed: float,
    max_kept_ratio: float,
    min_ms: float,
    min_share: float,
) -> Iterator[Discard]:
    """The scans of some types whose filter drops more than is worth reading."""
    for group in _groups(plan, types):
        node = max(group, key=lambda one: one.removed.filter or 0)
        removed = sum((one.removed.filter or 0) - one.removed.error for one in group)
        kept = sum(one.total_rows or 0 for one in group)
        if removed < min_removed or kept > max_kept_ratio * (removed + kept):
            continue
        share = removed / (removed + kept)
        own = [ms for one in group if (ms := own_ms(one)) is not None]
        saving = share * sum(own) if own else None
        error = sum(one.self_error_ms or 0 for one in group)
        if matters(plan, node, saving, error_ms=error, rows=removed, ms=min_ms, share=min_share):
            found = terms(node.conditions.get("Filter", ""), node.alias or node.relation)
            yield Discard(node, len(group) - 1, removed, kept, found, saving)


def _groups(plan: Plan, types: Sequence[str]) -> Iterator[list[Node]]:
    """Scans of tables that are not the server's own; partitions with equal filters together."""
    groups: dict[object, list[Node]] = {}
    for node in plan.nodes:
        if node.type in types and is_user_table(node) and node.executed:
            groups.setdefault(_likeness(plan, node), []).append(node)
    yield from groups.values()


def _likeness(plan: Plan, node: Node) -> object:
    family = partition_family(plan, node)
    if family is None:
        return node.id
    condition = node.conditions.get("Filter", "").replace(f"{node.alias}.", "")
    return node.parent, node.type, family, condition


def partition_family(plan: Plan, node: Node) -> str | None:
    """The alias of a partition's whole table: PostgreSQL adds ``_1``, ``_2``, ... to it."""
    if node.parent is None or plan.nodes[node.parent].type not in ("Append", "Merge Append"):
        return None
    found = re.fullmatch(r"(.+)_\d+", node.alias or "")
    return found[1] if found else None


def is_user_table(node: Node) -> bool:
    """Whether a person may make an index on the node's table."""
    if node.relation is None or node.schema in ("pg_catalog", "information_schema", "pg_toast"):
        return False
    return not node.relation.startswith("pg_") or node.schema is not None


def own_ms(node: Node) -> float | None:
    """The node's own time without the compiling that happens to be counted in it."""
    return None if node.self_ms is None else max(0.0, node.self_ms - (node.jit_ms or 0))


def matters(
    plan: Plan,
    node: Node,
    saving_ms: float | None,
    *,
    ms: float,
    share: float,
    error_ms: float | None = None,
    rows: float = 0,
) -> bool:
    """Whether a saving is worth a finding; without times, whether the node's cost or rows are."""
    if saving_ms is not None and plan.total_ms is not None:
        error = node.self_error_ms if error_ms is None else error_ms
        return worth(plan, saving_ms - (error or 0), ms, share)
    if node.total_cost is not None and plan.root.total_cost:
        # self_cost of an inner node is that of one loop.
        cost = (node.self_cost or 0) * (node.loops or 1) / node.processes
        return cost >= max(_MIN_UNTIMED_COST, share * plan.root.total_cost)
    return rows >= _MIN_UNTIMED_ROWS


def share_text(plan: Plan, ms: float | None) -> str:
    """``120 ms, 80 % of the time``; "" where the plan has no times."""
    if ms is None:
        return ""
    share = f", {ratio_text(min(1.0, ms / plan.total_ms))} of the time" if plan.total_ms else ""
    return f"{ms_text(ms)}{share}"


def executions(node: Node) -> float:
    """How often each process ran the node from the start."""
    return (node.loops or 0) / max(1.0, node.processes)


def child(plan: Plan, node: Node, relationship: str) -> Node | None:
    """The child with a relationship, for example a join's ``Inner``."""
    return next((one for one in plan.children(node) if one.relationship == relationship), None)


def aliases(plan: Plan, node: Node) -> set[str]:
    """The names under which conditions mention what the node and those below it scan."""
    return {
        name
        for one in (node, *plan.descendants(node))
        for name in (one.alias, one.relation, one.cte)
        if name
    }


def without_hash(plan: Plan, node: Node | None, types: Sequence[str] = ("Hash",)) -> Node | None:
    """The node, or what a Hash (or another node that passes rows on) was made of."""
    while node is not None and node.type in types and node.children:
        node = plan.nodes[node.children[0]]
    return node
