"""Tables as several nodes have them; imports no driver, since ``dbtune schema`` needs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dbtune.report import Column, Table

NODE = Column("node", "node", "text", "Host and port, of several nodes.")


def by_node(table: Table) -> Table:
    """A table as several nodes have it: a record as one row a node."""
    if not table.record:
        return replace(table, columns=(NODE, *table.columns))
    # What stood below each other has to stand side by side: the first ones, where room is short.
    columns = tuple(
        one if one.rank is None else one._replace(rank=(at >= 5) + (at >= 9))
        for at, one in enumerate(table.columns)
    )
    name = f"{table.name}_by_node"
    return replace(table, name=name, record=False, columns=(NODE, *columns))


def records_by_node(tables: Iterable[Table]) -> tuple[Table, ...]:
    """What records become, for the JSON Schema."""
    return tuple(by_node(one) for one in tables if one.record)
