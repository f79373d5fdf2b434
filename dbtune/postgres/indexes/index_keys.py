"""What the keys of an index are made of: how they are stored, how many different ones there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.entry_widths import Stored
from dbtune.postgres.indexes.key_groups import Distinct, Share, distinct_values, evenly, shares
from dbtune.postgres.relations.facts import Column, ColumnStatistics, Index, IndexKey, Table

_SPACE = re.compile(r"[\s()]+")
_DEDUPLICATED = frozenset(
    "bit bool bpchar bytea char cidr date inet int2 int4 int8 macaddr macaddr8 money name oid "
    "pg_lsn text tid time timestamp timestamptz timetz uuid varbit varchar xid8".split()
)
"""Types whose default operator class has b-tree support function 4 (equalimage); enums, too."""
_FIXED = {
    "bool": (1, 1), "boolean": (1, 1), "smallint": (2, 2), "int2": (2, 2), "int": (4, 4),
    "integer": (4, 4), "int4": (4, 4), "bigint": (8, 8), "int8": (8, 8), "date": (4, 4),
    "timestamp": (8, 8), "timestamptz": (8, 8), "uuid": (16, 1), "float8": (8, 8),
    "double precision": (8, 8), "real": (4, 4), "float4": (4, 4), "time": (8, 8),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key of an index.

    Attributes:
        column: the column's name, or "" for an expression.
        stored: how it is stored.
        deduplicable: whether what is equal is also identical.
        distinct: different values in the table, NULL being none.
        known: whether that is what ANALYZE saw, not a guess.
        sql: an expression.
        operator_class: if it is not the type's own.
    """

    column: str
    stored: Stored
    deduplicable: bool
    distinct: Distinct
    known: bool
    sql: str = ""
    operator_class: str = ""

    def shares(self, which: int, rows: float, *, nulls: bool = True) -> list[Share]:
        """Its values by how often they occur, at the likely (0), fewest (-1) or most (1).

        Args:
            which: which number of different values to take.
            rows: of the table.
            nulls: whether NULL counts as a value.
        """
        count = self.distinct.at(which)
        if self.stored.statistics is None:
            return evenly(1.0, count, rows)
        return shares(self.stored.statistics, count, rows, nulls=nulls)


@dataclass(frozen=True, slots=True)
class Heap:
    """The table that an index is for, as far as its keys' statistics depend on it.

    Attributes:
        table: its facts.
        rows: as of now.
        blocks: as of now.
        sampled_rows: how many rows ANALYZE looks at.
        indexes: the table's indexes, whose expressions may have statistics.
        version: server_version_num.
    """

    table: Table
    rows: float
    blocks: float
    sampled_rows: float
    indexes: Sequence[Index] = ()
    version: int = 0

    @property
    def pads_apart(self) -> bool:
        """Whether equal values of char(n) are stored one by one, as 15.20 was seen to do."""
        return 150020 <= self.version < 160000

    def distinct(self, statistics: ColumnStatistics) -> Distinct:
        """Different values of a column or an expression, by what ANALYZE saw."""
        return distinct_values(statistics, self.rows, self.blocks, self.sampled_rows)


def keys_of_definition(definition: Definition, heap: Heap) -> list[KeyFacts]:
    """The keys of an index that does not exist yet."""
    return [
        replace(_of_new_key(key, heap), sql=key.sql, operator_class=key.operator_class)
        for key in definition.keys
    ]


def keys_of_index(index: Index, heap: Heap) -> list[KeyFacts]:
    """The keys of an index that exists."""
    return [
        replace(_of_key(key, heap), sql=key.expression, operator_class=key.operator_class)
        for key in index.keys
    ]


def included(names: Sequence[str], heap: Heap) -> list[Stored]:
    """Columns that are stored but no key."""
    columns = heap.table.column
    return [_stored(columns[name]) for name in names if name in columns]


def _of_new_key(key: Key, heap: Heap) -> KeyFacts:
    column = heap.table.column.get(key.column)
    if column is not None:
        explicit = key.collation and key.collation != column.collation
        together = _deduplicable(column, bool(explicit))
        together &= not (heap.pads_apart and column.base_type == "bpchar")
        return _of_column(column, heap, deduplicable=together)
    same = _plain(key.sql)
    for index in heap.indexes:
        for one in index.keys:
            if one.expression and one.statistics and _plain(one.expression) == same:
                return _of_key(one, heap)
    return _guessed(key.sql, heap)


def _of_key(key: IndexKey, heap: Heap) -> KeyFacts:
    column = heap.table.column.get(key.column)
    if column is not None:
        return _of_column(column, heap, deduplicable=key.deduplicable)
    base = key.type.split("(")[0]
    stored = Stored(
        base, key.length_bytes, key.alignment_bytes, False, key.statistics, computed=True
    )
    if key.statistics is None:
        guess = _guessed(key.expression, heap)
        return KeyFacts("", stored, key.deduplicable, guess.distinct, known=False)
    return KeyFacts("", stored, key.deduplicable, heap.distinct(key.statistics), known=True)


def _of_column(column: Column, heap: Heap, *, deduplicable: bool) -> KeyFacts:
    statistics = column.statistics
    distinct = _unknown(heap.rows) if statistics is None else heap.distinct(statistics)
    known = statistics is not None
    return KeyFacts(column.name, _stored(column), deduplicable, distinct, known)


def _stored(column: Column) -> Stored:
    return Stored(
        column.base_type,
        column.length_bytes,
        column.alignment_bytes,
        column.storage == "p",
        column.statistics,
    )


def _deduplicable(column: Column, other_collation: bool) -> bool:
    plain = column.base_type in _DEDUPLICATED or column.type_category == "E"
    return plain and (column.deterministic or other_collation)


def _unknown(rows: float) -> Distinct:
    """Nothing is known: any number; three rows to a value is halfway between the sizes of both."""
    return Distinct(max(1.0, rows / 3), max(1.0, min(200.0, rows)), max(1.0, rows))


def _guessed(sql: str, heap: Heap) -> KeyFacts:
    """An expression without statistics: by its type and by the column that it is made of."""
    from sqlglot import exp

    from dbtune.postgres.indexes.predicate_share import parsed

    tree = parsed(sql)
    base, (length, alignment) = "text", (-1, 4)
    statistics, distinct = None, _unknown(heap.rows)
    if tree is not None:
        tree = tree.unnest()
        column = next((one.name for one in tree.find_all(exp.Column)), "")
        source = heap.table.column.get(column)
        if isinstance(tree, exp.Cast):
            base = tree.to.sql("postgres").lower()
            length, alignment = _FIXED.get(base.split("(")[0], (-1, 4))
        elif isinstance(tree, exp.Lower | exp.Upper | exp.Trim) and source and source.statistics:
            statistics, base = source.statistics, source.base_type
        if source and source.statistics:
            most = heap.distinct(source.statistics)
            same = statistics is not None
            distinct = most if same else Distinct(min(most.likely, distinct.likely), 1, most.most)
    stored = Stored(base, length, alignment, False, statistics)
    deduplicable = base.split("(")[0] not in ("numeric", "float8", "float4", "jsonb", "interval")
    return KeyFacts("", stored, deduplicable, distinct, known=False)


def _plain(sql: str) -> str:
    return _SPACE.sub("", sql).replace('"', "").lower()
