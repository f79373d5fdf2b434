"""A narrow index beside a wider one that begins with its column, where both may pay.

As a rule the wider one does, and the narrow one is redundant. The exception is a column that the
table is in the order of: the planner takes an index of several columns for a quarter less ordered
than its first column (``btcostestimate``, selfuncs.c), so that it may not choose it where it would
be fast; and a b-tree of one column with equal values is deduplicated to a part of the other's size.
:mod:`dbtune.postgres.indexes.existing` lets such an index be suggested, and ``pg.redundant-index``
leaves it alone once it is used: by the same rule, so that neither undoes what the other advises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dbtune.postgres.relations.facts import Index, Table

SMALLER = 0.6
"""Share of the wider index's size that the narrow one may have at most."""
ORDERED = 0.9
"""Correlation of a column with the table from which on the table counts as in its order."""
_READS = frozenset(("Index Scan", "Bitmap Heap Scan"))
_GATHERS = frozenset(("Gather", "Gather Merge"))
_SORTS = frozenset(("Sort", "Incremental Sort"))


def may_pay_beside(table: Table, column: str, narrow_bytes: float, wider: Index) -> bool:
    """Whether an index of one column may pay though a wider one begins with it.

    Args:
        table: the table of both.
        column: the key of the narrow one.
        narrow_bytes: its size.
        wider: the other.
    """
    known = table.column.get(column)
    seen = known.statistics if known else None
    return (
        len(wider.keys) > 1
        and wider.method == "btree"
        and seen is not None
        and abs(seen.correlation or 0.0) >= ORDERED
        and 0 < narrow_bytes <= SMALLER * (wider.size_bytes or 0)
    )


def shape(plan: Mapping[str, Any], alias: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a plan does, as text: equal if the same rows are read in the same way.

    A bitmap, parallel workers and the name of an index change the planner's cost of reading rows in
    the table's order, but hardly what is read; nor does it matter to that whether the index has
    them in the wanted order or they are sorted. What is read from an index alone is as large as
    that index, so that it keeps its name.

    Args:
        plan: the document of EXPLAIN.
        alias: names of indexes by the names of those that count as the same.
    """
    return " ".join(_shape(plan["Plan"], alias))


def _shape(node: Mapping[str, Any], alias: Mapping[str, str]) -> Iterator[str]:
    kind, children = node["Node Type"], node.get("Plans", ())
    if kind in _GATHERS or (kind in _SORTS and children[0]["Node Type"] in _READS):
        yield from _shape(children[0], alias)
        return
    name = node.get("Index Name", "")
    if kind == "Bitmap Heap Scan" and len(children) == 1 and "Index Name" in children[0]:
        name, children = children[0]["Index Name"], ()
    if kind in _READS and name:
        kind, name = "rows by index", alias.get(name, name)
    yield f"({kind} {node.get('Alias', '')} {name}"
    for child in children:
        yield from _shape(child, alias)
    yield ")"
