"""Writes against reads, where a workload tells no time."""

from __future__ import annotations

from dataclasses import replace

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.writes import Writes, rates
from dbtune.postgres.relations.facts import Activity
from tests.unit.postgres.indexes.relations import relations, table


def upkeep(activity: Activity, index: Definition, reads: float = 1.0) -> float:
    """What a table's index costs writers, for so many reads of the workload."""
    one = replace(table("t", "a int 1000", "b int 5"), activity=activity)
    catalog = Catalog(relations(one))
    writes = Writes(catalog, rates(catalog, None, [], {one.oid: reads}))
    return writes.upkeep(index, one, 1e6).cost


ON_A = Definition("public", "t", (column_key("a"),))


def test_writes_count_by_the_scans_that_an_index_is_for() -> None:
    busy = Activity(sequential_scans=10, index_scans=1_000_000, updated=1_000_000)
    calm = Activity(sequential_scans=100_000, index_scans=1_000_000, updated=1_000_000)
    assert upkeep(busy, ON_A) > 1_000 * upkeep(calm, ON_A) > 0
    assert upkeep(busy, ON_A, reads=2) == 2 * upkeep(busy, ON_A)


def test_a_table_that_was_only_loaded_tells_no_rate() -> None:
    assert upkeep(Activity(sequential_scans=2, updated=500_000), ON_A) == 0


def test_gin_has_many_entries_for_a_row_and_brin_hardly_any() -> None:
    seen = Activity(sequential_scans=100, updated=1_000_000)
    plain = upkeep(seen, ON_A)
    assert upkeep(seen, ON_A._replace(method="gin")) >= plain
    assert upkeep(seen, ON_A._replace(method="brin")) < 0.1 * plain
