"""What it costs to maintain an index: each row that is written has to be entered into it.

A row that is inserted is entered into every index. An updated row is, too, unless the update is
HOT: no indexed column changed and the page had room. An index on a column that statements change
turns their HOT updates into ordinary ones, and then *all* indexes of the table get an entry.

Costs are in the planner's unit. An entry costs the descent, as the planner reckons it (50 ×
cpu_operator_cost for each level, ``btcostestimate``), the tuple, and reading and dirtying a leaf
page: cheap where the index fits into memory, up to random_page_cost where it does not. The WAL of
an entry is some 100 bytes, a hundredth of a page: it counts as ``seq_page_cost / 80``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.partial import predicate_ratio
from dbtune.postgres.relations.facts import Table

_LEVEL_OPERATORS = 50
_ROWS_PER_PAGE = 200
_HOT = 0.5
"""Share of HOT updates where none were counted."""
_ELEMENT_BYTES = 8
_BRIN_ENTRIES = 0.05
_ENOUGH_SCANS = 100
"""So many scans of a table have to be counted to compare its writes with them."""
_DELETED = 0.3
"""What removing an entry costs in time (VACUUM, or a later visitor), against entering one."""


@dataclass(slots=True)
class TableWrites:
    """Rows of a table that are written in the time that a workload stands for.

    Attributes:
        inserted, updated, deleted: rows.
        hot_ratio: share of the updates that touch no index.
        changed: rows that statements change in each column, by name.
    """

    inserted: float = 0.0
    updated: float = 0.0
    deleted: float = 0.0
    hot_ratio: float = 0.0
    changed: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What an index costs writers in the time that a workload stands for.

    Attributes:
        entries: entries that are made in it.
        lost_hot: updates that are HOT without it and not with it.
        cost: in the planner's unit.
    """

    entries: float = 0.0
    lost_hot: float = 0.0
    cost: float = 0.0


class Writes:
    """Write rates of tables, and what they make an index cost."""

    def __init__(self, catalog: Catalog, by_table: Mapping[int, TableWrites]) -> None:
        self._catalog = catalog
        self._by_table = by_table

    def of(self, table: Table) -> TableWrites:
        """What is written to a table."""
        return self._by_table.get(table.oid, TableWrites())

    def upkeep(self, index: Definition, table: Table, size_bytes: float) -> Upkeep:
        """What an index would cost writers.

        Args:
            index: the index.
            table: its table.
            size_bytes: how large it will be.
        """
        writes = self.of(table)
        columns = index_columns(index, table)
        changing = min(
            writes.updated, max((writes.changed.get(name, 0.0) for name in columns), default=0.0)
        )
        plain = writes.updated * (1.0 - writes.hot_ratio)
        lost = changing * writes.hot_ratio
        share = self._share(index, table)
        entries = (writes.inserted + max(plain, min(writes.updated, plain + lost))) * share
        others = len(self._catalog.indexes(table))
        each = self.entry_cost(size_bytes) * _entries_per_row(index, table, self._catalog)
        cost = (entries + lost * others + _DELETED * writes.deleted * share) * each
        return Upkeep(entries, lost, cost)

    def entry_cost(self, size_bytes: float) -> float:
        """What one entry into an index of a size costs."""
        setting = self._catalog.setting
        pages = max(1.0, size_bytes / self._catalog.relations.block_bytes)
        levels = 1 + math.ceil(math.log(pages, _ROWS_PER_PAGE)) if pages > 1 else 1
        cached = min(1.0, setting("effective_cache_size", 524288.0) / 2 / pages)
        page = setting("random_page_cost", 4.0) * (1.0 - cached) + 0.1 * cached
        descent = levels * _LEVEL_OPERATORS * setting("cpu_operator_cost", 0.0025)
        wal = setting("seq_page_cost", 1.0) / 80
        return descent + setting("cpu_index_tuple_cost", 0.005) + page + wal

    def _share(self, index: Definition, table: Table) -> float:
        """The share of rows that a partial index has."""
        return predicate_ratio(index.predicate, table, self._catalog) if index.predicate else 1.0


def _entries_per_row(index: Definition, table: Table, catalog: Catalog) -> float:
    """How many keys an index makes of a row: GIN of each element, lexeme or trigram, BRIN hardly
    ever a new one. GIN's list of pending entries makes them cheaper, by about a half."""
    if index.method == "brin":
        return _BRIN_ENTRIES
    if index.method != "gin":
        return 1.0
    width = sum(catalog.width(table, name) for name in index_columns(index, table))
    return max(1.0, width / _ELEMENT_BYTES / 2)


def index_columns(index: Definition, table: Table) -> frozenset[str]:
    """The columns whose change an index has to follow."""
    columns = {key.column for key in index.keys if key.column} | set(index.include)
    return frozenset(columns | {c.name for c in table.columns if _mentions(index, c.name)})


def _mentions(index: Definition, column: str) -> bool:
    """Whether an expression or a predicate names a column, as far as its text tells."""
    texts = [key.sql for key in index.keys if not key.column]
    return any(column in text for text in (*texts, index.predicate) if text)


def rates(
    catalog: Catalog,
    seconds: float | None,
    changed: Iterable[tuple[int, str, float]],
    reads: Mapping[int, float] = MappingProxyType({}),
) -> dict[int, TableWrites]:
    """What is written to each table in so many seconds.

    Rows that are still there may have been loaded once, long before: of the counted inserts only
    those count as a rate whose rows are gone again. Growth shows in the workload's own INSERTs.

    Args:
        catalog: tables, with what they went through since their statistics began.
        seconds: the time that the workload stands for; without it, or without knowing since when
            the tables are counted, only what the workload's own statements write counts.
        changed: tables, columns and rows that the workload's statements insert ("" for the
            column) or change.
        reads: without ``seconds``, how often the workload reads each table. It then stands for as
            much time as the server needed to count as many reads of the whole table, which are
            what an index is for.
    """
    relations = catalog.relations
    found: defaultdict[int, TableWrites] = defaultdict(TableWrites)
    since = relations.stats_since or relations.started_at
    counted = (relations.at - since).total_seconds() if since else 0.0
    for oid, table in relations.tables.items():
        scale = seconds / counted if seconds and counted > 0 else 0.0
        if (seen := table.activity) is not None:
            scans = seen.sequential_scans
            if oid in reads and scans + seen.index_scans >= _ENOUGH_SCANS:
                scale = reads[oid] / max(1, scans)
            found[oid] = TableWrites(
                max(0, seen.inserted - seen.live_rows) * scale,
                seen.updated * scale,
                seen.deleted * scale,
                seen.hot_updated / seen.updated if seen.updated else _HOT,
            )
    inserted: defaultdict[int, float] = defaultdict(float)
    for oid, column, rows in changed:
        if column:
            found[oid].changed[column] += rows
        else:
            inserted[oid] += rows
    for oid, rows in inserted.items():
        found[oid].inserted = max(found[oid].inserted, rows)
    for writes in found.values():
        writes.updated = max([writes.updated, *writes.changed.values()])
    return found
