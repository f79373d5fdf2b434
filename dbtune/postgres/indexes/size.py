"""How large an index will be, before it is built: from statistics, with an interval.

Deduplication (PostgreSQL 13 and later) makes b-trees with few different keys several times smaller
than what HypoPG and the planner take for granted. What it saves depends on how many different keys
there are; for several columns that is known from extended statistics, from constraints, or from a
sample (:mod:`dbtune.postgres.indexes.sample`), and else guessed as if the columns were independent.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from dbtune.errors import Unavailable
from dbtune.postgres.indexes import key_groups
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.entry_widths import Stored, entry_lengths, is_measured
from dbtune.postgres.indexes.index_keys import (
    Heap,
    KeyFacts,
    included,
    keys_of_definition,
    keys_of_index,
)
from dbtune.postgres.indexes.key_groups import Distinct, Share
from dbtune.postgres.indexes.other_sizes import other_bytes
from dbtune.postgres.indexes.predicate_share import (
    Part,
    fixed_columns,
    not_null_columns,
    predicate_share,
)
from dbtune.postgres.relations.facts import ForeignKey, Index, Relations, Table
from dbtune.postgres.relations.index_size import Equal, entry_bytes, inner_pages, leaf_pages

_LIKELY, _FEWEST, _MOST = 0, -1, 1
_NULL_ENTRY = entry_bytes(0, nulls=True)
_OPTION = re.compile(r"(\w+)\s*=\s*'?(\w+)")


class Size(NamedTuple):
    """A predicted size.

    Attributes:
        likely_bytes: the best guess.
        low_bytes, high_bytes: between which it should be; wide if little is known.
        rows: entries that it has.
        basis: what limits the certainty, or "".
    """

    likely_bytes: int
    low_bytes: int
    high_bytes: int
    rows: float
    basis: str = ""


class _Shape(NamedTuple):
    """What both an index and a definition come down to."""

    method: str
    keys: Sequence[KeyFacts]
    include: Sequence[Stored]
    predicate: str
    unique: bool
    options: dict[str, str]


class IndexSizes:
    """Predicts sizes of indexes on the tables of one database; keeps what it predicted."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self._tables = {(one.schema, one.name): one for one in relations.tables.values()}
        self._indexes: defaultdict[int, list[Index]] = defaultdict(list)
        self._parts: defaultdict[int, list[Table]] = defaultdict(list)
        self._foreign_keys: defaultdict[int, list[ForeignKey]] = defaultdict(list)
        for index in relations.indexes:
            self._indexes[index.table].append(index)
        for table in relations.tables.values():
            if table.parent is not None:
                self._parts[table.parent].append(table)
        for key in relations.foreign_keys:
            self._foreign_keys[key.table].append(key)
        self._known: dict[tuple[Definition, float | None], Size] = {}
        target = relations.settings.get("default_statistics_target", "100")
        self._sampled_rows = 300.0 * int(target if target.isdecimal() else 100)

    def of(self, definition: Definition, *, rows: float | None = None) -> Size:
        """The size of an index that does not exist yet; on a partitioned table, of all its parts.

        Args:
            definition: the index.
            rows: how many rows its predicate is true for, if that is known better, for example
                from a plan.

        Raises:
            Unavailable: its table is not among the relations.
        """
        known = self._known.get((definition, rows))
        if known is None:
            table = self._tables.get((definition.schema, definition.table))
            if table is None:
                raise Unavailable(f"nothing is known of {definition.schema}.{definition.table}")
            known = self._known[definition, rows] = self._of_table(definition, table, rows)
        return known

    def rebuilt(self, index: Index) -> Size:
        """The size that an index would have if it were built anew.

        Raises:
            Unavailable: its table is not among the relations.
        """
        table = self._relations.tables.get(index.table)
        if table is None:
            raise Unavailable(f"nothing is known of the table of {index.schema}.{index.name}")
        if table.kind == "p":
            parts = [one for one in self._relations.indexes if one.parent == index.oid]
            return _sum(self.rebuilt(part) for part in parts)
        heap = self._heap(table)
        shape = _Shape(
            index.method,
            keys_of_index(index, heap),
            included(index.include, heap),
            index.predicate,
            index.unique,
            dict(index.options),
        )
        share = predicate_share(index.predicate, table)
        if index.predicate and index.rows is not None and table.rows:
            ratio = min(1.0, index.rows / table.rows)
            share = Part(ratio, ratio * 0.95, min(1.0, ratio * 1.05))
        return self._size(shape, heap, share)

    def rows(self, table: Table) -> float:
        """Rows of a table as of now, as the planner counts them: by its present size."""
        block = self._relations.block_bytes
        if table.kind == "p":
            return sum(self.rows(part) for part in self._parts[table.oid])
        if table.rows is not None and table.pages > 0 and table.size_bytes is not None:
            return table.rows / table.pages * table.size_bytes / block
        if table.activity is not None and table.activity.live_rows:
            return float(table.activity.live_rows)
        if table.rows is not None and table.size_bytes is None:
            return table.rows
        width = sum(_column_bytes(column.length_bytes) for column in table.columns) + 28
        return (table.size_bytes or 0) / width

    def _of_table(self, definition: Definition, table: Table, rows: float | None) -> Size:
        if table.kind == "p":
            whole = self.rows(table)
            return _sum(
                self._of_table(definition, part, rows and rows * self.rows(part) / max(1.0, whole))
                for part in self._parts[table.oid]
            )
        heap = self._heap(table)
        shape = _Shape(
            definition.method,
            keys_of_definition(definition, heap),
            included(definition.include, heap),
            definition.predicate,
            definition.unique,
            dict(_OPTION.findall(definition.options.lower())),
        )
        share = predicate_share(definition.predicate, table)
        if rows is not None:
            ratio = min(1.0, rows / max(1.0, heap.rows))
            share = Part(ratio, ratio * 0.8, min(1.0, ratio * 1.25))
        return self._size(shape, heap, share)

    def _heap(self, table: Table) -> Heap:
        blocks = (table.size_bytes or 0) / self._relations.block_bytes or float(table.pages)
        indexes = self._indexes[table.oid]
        version = self._relations.version
        return Heap(table, self.rows(table), blocks, self._sampled_rows, indexes, version)

    def _size(self, shape: _Shape, heap: Heap, share: Part) -> Size:
        rows = heap.rows * share.likely
        basis = _basis(shape, heap, share)
        drift = 0.02 + _drift(heap.table)
        if shape.method != "btree":
            low, likely, high = other_bytes(shape.method, shape.keys, rows, heap, shape.options)
        else:
            filled = _filled_columns(shape)
            lengths = entry_lengths([*(_filled(key, filled) for key in shape.keys), *shape.include])
            (low, _), (likely, few), (high, _) = (
                self._btree(shape, heap, heap.rows * part, lengths, which)
                for part, which in zip(
                    (share.fewest, share.likely, share.most),
                    (_FEWEST, _LIKELY, _MOST),
                    strict=True,
                )
            )
            # Where keys have some rows each, it matters whether all have as many.
            drift += _width_error(shape) + 0.12 * few
        block = self._relations.block_bytes
        return Size(
            math.ceil(likely / block) * block,
            round(max(block, min(low, likely) * (1 - drift) - block)),
            round(max(high, likely) * (1 + drift) + block),
            rows,
            basis,
        )

    def _btree(
        self, shape: _Shape, heap: Heap, rows: float, lengths: Sequence[int], which: int
    ) -> tuple[float, float]:
        """Bytes of a b-tree, and the share of rows whose keys have few rows each."""
        if rows < 1:
            return float(self._relations.block_bytes), 0.0
        equal = self._equal_keys(shape, heap, rows, which) if _deduplicates(shape) else None
        fillfactor = int(shape.options.get("fillfactor", 90))
        leaves = leaf_pages(lengths, rows, equal, fillfactor=fillfactor)
        inner = inner_pages(leaves, self._pivot_bytes(shape, heap, leaves, rows))
        few = sum(one.rows * one.keys for one in equal or () if 1.1 < one.rows < 20)
        return (leaves + inner + 1) * self._relations.block_bytes, few / rows

    def _equal_keys(self, shape: _Shape, heap: Heap, rows: float, which: int) -> list[Equal]:
        nulls = [Equal(part * rows, 1, length=_NULL_ENTRY) for part in _nulls_apart(shape)]
        return [*self._present_keys(shape, heap, rows - sum(n.rows for n in nulls), which), *nulls]

    def _present_keys(self, shape: _Shape, heap: Heap, rows: float, which: int) -> list[Equal]:
        if rows < 1:
            return []
        names = tuple(key.column for key in shape.keys)
        if not shape.predicate:
            for one in heap.table.joint_distinct:
                if one.sample and one.columns == names:
                    found = key_groups.sampled_groups(one.sample, one.sampled_ratio, which)
                    scale = rows / sum(each.rows * each.keys for each in found)
                    return [each._replace(keys=each.keys * scale) for each in found]
        return key_groups.groups(self._combinations(shape, heap, rows, which), rows)

    def _pivot_bytes(self, shape: _Shape, heap: Heap, leaves: float, rows: float) -> int:
        """Length of an entry of an inner page: as few keys as tell one leaf from the next."""
        stored = [key.stored for key in shape.keys]
        found = [Share(1.0, 1.0)]
        for count, key in enumerate(shape.keys, 1):
            found = key_groups.product([found, key.shares(_LIKELY, heap.rows)])
            if key_groups.occurring(found, rows) > 3 * leaves:
                lengths = entry_lengths(stored[:count])
                break
        else:  # equal keys on both sides: the row's place is added
            lengths = [length + 8 for length in entry_lengths(stored)]
        return math.ceil(sum(lengths) / len(lengths) / 8) * 8

    def _combinations(self, shape: _Shape, heap: Heap, rows: float, which: int) -> list[Share]:
        """The keys by how many rows share them."""
        fixed, filled = fixed_columns(shape.predicate), _filled_columns(shape)
        keys = [key for key in shape.keys if not key.column or key.column not in fixed]
        names = frozenset(key.column for key in keys if key.column)
        if all(key.column for key in keys) and self._is_unique(heap, names):
            return key_groups.evenly(1.0, rows, rows)
        each = {
            place: key.shares(which, heap.rows, nulls=key.column not in filled)
            for place, key in enumerate(keys)
        }
        if len(keys) == 1 and keys[0].column:
            return self._bounded(heap, names, each[0], rows, which)
        known = self._known_subset(heap, names)
        if known is None and which == _FEWEST and len(keys) > 1:
            # At worst the columns say the same.
            together = key_groups.product(list(each.values()))
            most = max(key_groups.occurring(one, rows) for one in each.values())
            together = key_groups.narrowed(together, rows, most)
            return self._bounded(heap, names, together, rows, which)
        if known is not None:
            columns, distinct = known
            inside = [place for place, key in enumerate(keys) if key.column in columns]
            together = key_groups.product([each.pop(place) for place in inside])
            together = key_groups.narrowed(together, heap.rows, distinct.at(which))
            each[-1] = together
        found = key_groups.product(list(each.values()))
        return self._bounded(heap, names, found, rows, which)

    def _bounded(
        self, heap: Heap, names: frozenset[str], found: list[Share], rows: float, which: int
    ) -> list[Share]:
        """The same within what unique indexes and foreign keys prove."""
        distinct = key_groups.occurring(found, rows)
        least = min(rows, self._least_distinct(heap, names) * rows / max(1.0, heap.rows))
        most = min(
            (
                self.rows(target)
                for key in self._foreign_keys[heap.table.oid]
                if names == frozenset(key.columns)
                and (target := self._relations.tables.get(key.target)) is not None
            ),
            default=math.inf,
        )
        if distinct < least:
            return key_groups.narrowed(found, rows, least)
        if distinct > most + 1 and which != _FEWEST:
            return key_groups.narrowed(found, rows, most + 1)
        return found

    def _is_unique(self, heap: Heap, names: Collection[str]) -> bool:
        return any(columns <= set(names) for columns in _unique_sets(heap))

    def _least_distinct(self, heap: Heap, names: frozenset[str]) -> float:
        """At least so many combinations there are, since others make them unique."""
        least = 1.0
        for columns in _unique_sets(heap):
            if names and names < columns:
                others = 1.0
                for name in columns - names:
                    statistics = heap.table.column[name].statistics
                    others *= heap.distinct(statistics).most if statistics else heap.rows
                least = max(least, heap.rows / others)
        return least

    def _known_subset(
        self, heap: Heap, names: frozenset[str]
    ) -> tuple[frozenset[str], Distinct] | None:
        """The largest set of at least two of the columns whose combinations are counted."""
        found: list[tuple[frozenset[str], Distinct]] = []
        for one in heap.table.joint_distinct:
            number = one.n_distinct if one.n_distinct > 0 else -one.n_distinct * heap.rows
            number = max(1.0, number)
            off = 1.2 if one.sample or number < heap.sampled_rows / 10 else 1.5
            bounds = Distinct(number, number / off, min(heap.rows, number * off))
            found.append((frozenset(one.columns), bounds))
        for key in self._foreign_keys[heap.table.oid]:
            target = self._relations.tables.get(key.target)
            if target is not None and len(key.columns) > 1:
                number = max(1.0, min(heap.rows, self.rows(target)))
                found.append((frozenset(key.columns), Distinct(number, number / 2, number)))
        usable = [one for one in found if one[0] <= names and len(one[0]) > 1]
        return max(usable, key=lambda one: len(one[0]), default=None)


def _unique_sets(heap: Heap) -> list[frozenset[str]]:
    """Sets of columns that no two rows have the same values in."""
    columns = heap.table.column
    found = []
    for index in heap.indexes:
        names = [key.column for key in index.keys]
        if not index.unique or not index.valid or index.predicate or not all(names):
            continue
        if all(
            columns[name].not_null or _null_ratio(columns[name].statistics) == 0 for name in names
        ):
            found.append(frozenset(names))
    return found


def _null_ratio(statistics: object) -> float:
    return float(getattr(statistics, "null_ratio", 1.0))


def _nulls_apart(shape: _Shape) -> list[float]:
    """The share of NULLs, if they are counted apart: entries of one key, far shorter than others'.

    That is so of a single column: of several, NULLs are a part of many keys.
    """
    if len(shape.keys) > 1 or not _deduplicates(shape):
        return []
    [key] = shape.keys
    known = key.stored.statistics
    if known is None or not known.null_ratio or key.column in not_null_columns(shape.predicate):
        return []
    return [known.null_ratio]


def _filled_columns(shape: _Shape) -> frozenset[str]:
    """Columns that are NULL in no entry, or whose NULLs are counted apart."""
    found = not_null_columns(shape.predicate)
    return found | {key.column for key in shape.keys if _nulls_apart(shape)}


def _filled(key: KeyFacts, filled: Collection[str]) -> Stored:
    """How a key is stored in an index whose predicate leaves out the rows where it is NULL."""
    known = key.stored.statistics
    if known is None or not known.null_ratio or key.column not in filled:
        return key.stored
    present = 1 - known.null_ratio
    ratios = tuple(ratio / present for ratio in known.common_ratios)
    return key.stored._replace(statistics=replace(known, null_ratio=0.0, common_ratios=ratios))


def _deduplicates(shape: _Shape) -> bool:
    return (
        not shape.unique
        and not shape.include
        and shape.options.get("deduplicate_items", "on") not in ("off", "false", "0", "no")
        and all(key.deduplicable for key in shape.keys)
    )


def _basis(shape: _Shape, heap: Heap, share: Part) -> str:
    if any(key.column and not key.known for key in shape.keys):
        return "no statistics of its columns: ANALYZE, or read as a role that may see them"
    if any(not key.known for key in shape.keys):
        return "nothing is known of its expression before it is built and analysed"
    if share.most - share.fewest > 0.2:
        return "how many rows its predicate is true for is not known"
    if heap.table.rows is None:
        return "the table was never analysed"
    return ""


def _drift(table: Table) -> float:
    """How far the table may have gone from its statistics."""
    if table.rows is None:
        return 0.5
    activity = table.activity
    if activity is None or not table.rows:
        return 0.05
    return min(0.5, activity.modified_since_analyze / table.rows / 2)


def _width_error(shape: _Shape) -> float:
    """Relative error of an entry's mean length."""
    stored = [*(key.stored for key in shape.keys), *shape.include]
    varying = [one for one in stored if one.length_bytes < 0]
    if not varying:
        return 0.0
    if all(map(is_measured, varying)):
        return 0.03
    return 0.12 if all(one.statistics for one in varying) else 0.5


def _column_bytes(length: int) -> int:
    return length if length > 0 else 20


def _sum(parts: Iterable[Size]) -> Size:
    found = list(parts)
    if not found:
        return Size(0, 0, 0, 0.0)
    return Size(
        sum(one.likely_bytes for one in found),
        sum(one.low_bytes for one in found),
        sum(one.high_bytes for one in found),
        sum(one.rows for one in found),
        next((one.basis for one in found if one.basis), ""),
    )
