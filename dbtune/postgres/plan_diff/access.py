"""How a plan reads each of its tables: one entry for each time that a table is mentioned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dbtune.postgres.plans.model import Buffers, Node, Plan
from dbtune.postgres.plans.scans import partition_family

_WRITES = "ModifyTable"


@dataclass(frozen=True, slots=True)
class Access:
    """The scans of one table under one alias; a partitioned table's partitions are one.

    Attributes:
        table: the table, with its schema where the plan has it.
        alias: the name that the statement has for it.
        nodes: the scans, those of a bitmap's indexes included.
        types: kinds of the scans of the table, each once.
        indexes: indexes that were searched, in the order of their names.
        rows: rows that came out of it in all loops, or as planned where it was not executed.
        rows_read: the same with those that its filters dropped; at least.
        self_ms: its own time; exact to ``error_ms``.
        blocks: blocks that it touched.
    """

    table: str
    alias: str
    nodes: tuple[Node, ...]
    types: tuple[str, ...]
    indexes: tuple[str, ...]
    rows: float | None
    rows_read: float | None
    self_ms: float | None
    error_ms: float
    blocks: float | None

    @property
    def is_family(self) -> bool:
        """Whether it is the partitions of a table, whose alias is the whole table's."""
        return all(node.alias != self.alias for node in self.nodes if node.relation)

    @property
    def name(self) -> str:
        """The table, and its alias where that is another: ``sales.orders o``."""
        bare = self.table.rpartition(".")[2]
        return self.table if self.alias in ("", self.table, bare) else f"{self.table} {self.alias}"

    @property
    def text(self) -> str:
        """What it does: ``Index Scan using orders_pkey``."""
        using = f" using {', '.join(self.indexes)}" if self.indexes else ""
        return " and ".join(self.types) + using


def accesses(plan: Plan) -> dict[str, Access]:
    """How a plan reads its tables, by alias, in tree order."""
    groups: dict[str, list[Node]] = {}
    for node in plan.nodes:
        scan = scan_of(plan, node)
        if scan is not None and scan.relation:
            alias = partition_family(plan, scan) or scan.alias or scan.relation
            groups.setdefault(alias, []).append(node)
    return {alias: _access(plan, alias, nodes) for alias, nodes in groups.items()}


def scan_of(plan: Plan, node: Node) -> Node | None:
    """The scan of a table that a node is or is part of; ``None`` for joins, sorts and the like."""
    if node.relation:
        return None if node.type == _WRITES or node.operation else node
    if node.type in ("Bitmap Index Scan", "BitmapAnd", "BitmapOr"):
        return next((one for one in plan.ancestors(node) if one.type == "Bitmap Heap Scan"), None)
    return None


def touched(buffers: Buffers | None) -> float | None:
    """Blocks that were asked for, wherever they were found: what does not depend on the cache."""
    if buffers is None:
        return None
    return buffers.shared_hit + buffers.shared_read + buffers.local_hit + buffers.local_read


def _access(plan: Plan, alias: str, nodes: list[Node]) -> Access:
    scans = [node for node in nodes if node.relation]
    first = scans[0]
    others = len({node.relation for node in scans}) - 1
    name = f"{first.schema}.{first.relation}" if first.schema else str(first.relation)
    rows = [node.total_rows if plan.analyzed else node.plan_rows for node in scans]
    removed = sum((one.removed.filter or 0) + (one.removed.recheck or 0) for one in scans)
    read = _sum(rows)
    return Access(
        table=f"{name} and {others} more partitions" if others else name,
        alias=alias,
        nodes=tuple(nodes),
        types=tuple(dict.fromkeys(node.type for node in scans)),
        indexes=tuple(sorted({node.index for node in nodes if node.index})),
        rows=read,
        rows_read=None if read is None else read + removed,
        self_ms=_sum(node.self_ms for node in nodes),
        error_ms=sum(node.self_error_ms or 0 for node in nodes),
        blocks=_sum(touched(node.self_buffers) for node in nodes) if plan.buffers else None,
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
