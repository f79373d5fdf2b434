"""What indexes cost the writers of a workload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.work import Work
from dbtune.postgres.indexes.workload import Query, Workload
from dbtune.postgres.indexes.writes import Upkeep, Writes, index_columns, rates


class WorkloadUpkeep:
    """What writers pay, in the unit in which the workload's statements are weighed."""

    def __init__(
        self,
        catalog: Catalog,
        works: Sequence[Work],
        workload: Workload,
        size: Callable[[Definition], float],
    ) -> None:
        self._catalog = catalog
        self._size = size
        self._known: dict[Definition, Upkeep] = {}
        self._changes = [(work, change) for work in works for change in _changes(work, catalog)]
        reads: defaultdict[int, float] = defaultdict(float)
        for work in works if workload.seconds is None else ():
            for oid in {use.table.oid for use in work.uses}:
                reads[oid] += work.calls
        changed = [change for _, change in self._changes]
        self._writes = Writes(catalog, rates(catalog, workload.seconds, changed, reads))
        counted: defaultdict[int, float] = defaultdict(float)
        costs: defaultdict[int, float] = defaultdict(float)
        for work in works:
            for oid in {use.table.oid for use in work.uses}:
                counted[oid] += work.weight * work.base.cost
                costs[oid] += work.calls * work.base.cost
        self._unit = {oid: counted[oid] / costs[oid] for oid in counted if costs[oid] > 0}

    def of(self, index: Definition) -> Upkeep:
        """What an index costs writers."""
        if index not in self._known:
            table = self._catalog.table(index.schema, index.table)
            assert table is not None
            self._known[index] = self._writes.upkeep(index, table, self._size(index))
        return self._known[index]

    def writers(self, index: Definition) -> tuple[Query, ...]:
        """The workload's statements that have to maintain an index."""
        table = self._catalog.table(index.schema, index.table)
        assert table is not None
        columns = {"", *index_columns(index, table)}
        found = {
            id(work.query): work.query
            for work, (oid, column, _) in self._changes
            if oid == table.oid and column in columns
        }
        return tuple(found.values())

    def weighted(self, index: Definition) -> float:
        """The same, as the workload's statements are weighed."""
        table = self._catalog.table(index.schema, index.table)
        return self.of(index).cost * self._unit.get(table.oid if table else 0, 0.0)


def _changes(work: Work, catalog: Catalog) -> Iterable[tuple[int, str, float]]:
    """Tables and columns that a statement writes, with the rows of all its executions."""
    from dbtune.postgres.indexes.written import written_columns

    if not work.query.writes:
        return
    rows = work.query.rows
    count = rows * work.form.share if rows is not None else work.calls
    for table, column in written_columns(work.query.text, catalog):
        yield table.oid, column, count
