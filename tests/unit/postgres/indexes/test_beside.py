"""A narrow index beside a wider one: when it may be suggested, and that it is then left alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from dbtune.finding import Level
from dbtune.postgres.indexes.beside import shape
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.checks.redundant_index import redundant_index
from dbtune.postgres.indexes.coverage import covered_indexes
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.existing import Existing
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.planner import Planned
from dbtune.postgres.indexes.whatif import Statement, WhatIf
from dbtune.postgres.relations.facts import ColumnStatistics, Index, Relations, Table
from tests.unit.postgres.indexes.relations import index, relations, table

MIB = 1024 * 1024
NARROW = Definition("public", "line", (column_key("ordered"),))


def line(correlation: float) -> Table:
    """A table of lines whose order's number has four rows each."""
    made = table("line", "ordered int4", "place int4 7", rows=1_000_000)
    seen = ColumnStatistics(0.0, 4, -0.25, correlation=correlation)
    first, *others = made.columns
    return replace(
        made, columns=(replace(first, statistics=seen), *others), size_bytes=made.pages * 8192
    )


def wide(on: Table, mib: float) -> Index:
    return replace(index(on, "ordered", "place", unique=True), size_bytes=round(mib * MIB))


def database(correlation: float, mib: float, *more: Index) -> Relations:
    on = line(correlation)
    return relations(on, indexes=(wide(on, mib), *more))


def suggestible(correlation: float, mib: float) -> bool:
    return not Existing(Catalog(database(correlation, mib))).serves(NARROW)


def test_only_much_smaller_and_in_the_order_of_the_table() -> None:
    assert suggestible(0.99, 30)
    assert suggestible(-0.99, 30)
    assert not suggestible(0.99, 16), "hardly smaller"
    assert not suggestible(0.5, 30), "the planner believes both alike"
    on = line(0.99)
    same = replace(index(on, "ordered"), size_bytes=MIB)
    assert Existing(Catalog(relations(on, indexes=(wide(on, 30), same)))).serves(NARROW)
    assert Existing(Catalog(database(0.99, 30))).serves(
        NARROW._replace(keys=(column_key("ordered"), column_key("place")))
    )


def test_what_may_be_suggested_is_not_called_redundant_once_it_is_used() -> None:
    on = line(0.99)
    narrow = replace(index(on, "ordered"), size_bytes=12 * MIB, scans=0)

    def level(one: Index, mib: float, relied: Collection[int] = ()) -> Level | None:
        facts = relations(on, indexes=(wide(on, mib), one))
        (found,) = redundant_index(Inventory(facts, relied), covered_indexes(facts))
        assert ("plans may become worse" in found.message) is found.evidence["may_pay"]
        return found.level

    assert level(narrow, 30) is Level.warning, "nobody uses it"
    assert level(replace(narrow, scans=5), 30) is Level.info
    assert level(narrow, 30, {narrow.oid}) is Level.info, "plans of the workload do"
    assert level(replace(narrow, scans=5), 16) is Level.warning


SCAN = {"Node Type": "Index Scan", "Index Name": "line_pkey", "Alias": "line"}
BITMAP = {
    "Node Type": "Bitmap Heap Scan",
    "Alias": "line",
    "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": NARROW.name}],
}
ALONE = {"Node Type": "Index Only Scan", "Index Name": NARROW.name, "Alias": "line"}
SEQ = {"Node Type": "Seq Scan", "Alias": "line"}


def test_equal_work_has_an_equal_shape() -> None:
    same = {NARROW.name: "line_pkey"}
    gathered = {"Node Type": "Gather", "Plans": [SCAN]}
    ordered = {"Node Type": "Sort", "Plans": [BITMAP]}
    for node in (BITMAP, gathered, ordered, {**SCAN, "Index Name": NARROW.name}):
        assert shape({"Plan": node}, same) == shape({"Plan": SCAN})
    for node in (ALONE, SEQ, {**SCAN, "Alias": "other"}, {"Node Type": "Sort", "Plans": [SEQ]}):
        assert shape({"Plan": node}, same) != shape({"Plan": SCAN})
    assert shape({"Plan": BITMAP}) != shape({"Plan": SCAN}), "another index"


class Planner:
    """Answers with one plan if there is an index, and with another one if not."""

    calls = 0

    def __init__(self, without: dict[str, Any], with_it: dict[str, Any]) -> None:
        self._plans = without, with_it

    def plan(self, _: str, indexes: Collection[Definition] = (), **__: Any) -> Planned:
        self.calls += 1
        node = self._plans[bool(indexes)]
        return Planned(10.0 if indexes else 100.0, frozenset(indexes), frozenset(), {"Plan": node})


def test_the_same_work_at_another_price_is_no_gain() -> None:
    def gains(without: dict[str, Any], with_it: dict[str, Any], beside: str) -> bool:
        planner: Any = Planner(without, with_it)
        base = planner.plan("q")
        whatif = WhatIf(planner, [Statement("q", 1.0)], [base], beside=lambda _: beside)
        return bool(whatif.probe(0, whatif.bit(NARROW)))

    narrow = {**SCAN, "Index Name": NARROW.name}
    assert not gains(SCAN, narrow, "line_pkey")
    assert not gains(SCAN, BITMAP, "line_pkey")
    assert gains(SEQ, narrow, "line_pkey"), "another plan"
    assert gains(SCAN, ALONE, "line_pkey"), "the table is not read"
    assert gains(SCAN, narrow, ""), "an index that none is like"
