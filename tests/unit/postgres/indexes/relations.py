"""Facts for tests, made by hand: ``table("orders", "id int", ...)``."""

from __future__ import annotations

from datetime import UTC, datetime

from dbtune.postgres.relations.facts import (
    Column,
    ColumnStatistics,
    Index,
    IndexKey,
    Relations,
    Table,
)

_LENGTHS = {"int": 4, "bigint": 8, "bool": 1, "date": 4, "timestamptz": 8}


def table(name: str, *columns: str, rows: float = 100_000, schema: str = "public") -> Table:
    """A table; a column is ``name type [n_distinct]``."""
    made = []
    for number, text in enumerate(columns, start=1):
        column, kind, *distinct = text.split()
        statistics = ColumnStatistics(0.0, 8, float(distinct[0])) if distinct else None
        made.append(
            Column(
                number,
                column,
                kind,
                kind,
                length_bytes=_LENGTHS.get(kind, -1),
                statistics=statistics,
            )
        )
    return Table(
        abs(hash((schema, name))) % 2**31, schema, name, "r", rows, int(rows / 50) + 1, tuple(made)
    )


def index(on: Table, *columns: str, unique: bool = False, include: tuple[str, ...] = ()) -> Index:
    """A b-tree; a column may be ``name DESC``."""
    keys = tuple(
        IndexKey(
            one.removesuffix(" DESC"),
            descending=one.endswith(" DESC"),
            nulls_first=one.endswith(" DESC"),
        )
        for one in columns
    )
    name = f"{on.name}_{'_'.join(columns)}"
    return Index(
        abs(hash(name)) % 2**31, on.oid, on.schema, name, "btree", keys, include, unique=unique
    )


def relations(*tables: Table, indexes: tuple[Index, ...] = ()) -> Relations:
    """A database of these."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Relations(now, "db", 180000, False, {one.oid: one for one in tables}, indexes)
