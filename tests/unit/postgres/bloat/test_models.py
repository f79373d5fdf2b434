"""The models of tables and indexes: what must hold of any statistics, hostile ones included."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtune.postgres.bloat.btree_model import DEPENDENT
from dbtune.postgres.bloat.facts import (
    Counters,
    Estimate,
    IndexShape,
    Kind,
    Method,
    Relation,
    Sizes,
    Stored,
    TableShape,
)
from dbtune.postgres.bloat.heap_model import rows_now
from dbtune.postgres.bloat.model import model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE, TOAST, INDEX = 1, 2, 3


def relation(oid: int, kind: Kind, pages: int, **given: Any) -> Relation:
    known: dict[str, Any] = {
        "owner": TABLE, "table": TABLE, "root": TABLE, "schema": "public", "name": f"r{oid}",
        "root_schema": "public", "root_name": "r1", "rows": None, "pages": pages,
    }  # fmt: skip
    return Relation(oid=oid, kind=kind, size_bytes=pages * 8192, **(known | given))


def sizes(
    columns: tuple[Stored, ...], counters: Counters, *, pages: int = 1000, **index: Any
) -> Sizes:
    """A table with an index on all its columns, and a TOAST table."""
    own: dict[str, Any] = {"method": "btree", "columns": columns, "keys": len(columns)}
    shape = IndexShape(**(own | index))
    return Sizes(
        at=NOW, database="d", version=180000, standby=False,
        relations={
            TABLE: relation(TABLE, Kind.TABLE, pages, counters=counters),
            TOAST: relation(TOAST, Kind.TOAST, pages, schema="pg_toast", counters=counters),
            INDEX: relation(INDEX, Kind.INDEX, pages, options={"fillfactor": "90"}),
        },
        tables={TABLE: TableShape(columns, len(columns), toast=TOAST)},
        indexes={INDEX: shape},
    )  # fmt: skip


def counted(rows: int, **given: Any) -> Counters:
    known: dict[str, Any] = {"live": rows, "inserted": rows, "last_analyze": NOW}
    return Counters(**(known | given))


ODD = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, float("nan")]),
)
COLUMNS = st.builds(
    Stored,
    type_length=st.sampled_from([-2, -1, 1, 2, 4, 8, 16, 64]),
    alignment=st.sampled_from([1, 2, 4, 8]),
    storage=st.sampled_from("pmex"),
    may_be_null=st.booleans(),
    null_ratio=ODD,
    average_bytes=ODD,
    lengths=st.lists(st.integers(-5, 10**9), max_size=5).map(tuple),
    common_lengths=st.lists(st.integers(-5, 5000), max_size=3).map(tuple),
    n_distinct=ODD,
    common_ratios=st.lists(st.floats(allow_nan=True), max_size=3).map(tuple),
    correlation=ODD,
)
NUMBERS = st.one_of(st.integers(0, 10**6), st.sampled_from([-1, 10**12, 2**62]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(COLUMNS, min_size=1, max_size=4).map(tuple),
    NUMBERS,
    NUMBERS,
    st.sampled_from(["btree", "hash", "brin", "gin"]),
    st.booleans(),
    st.one_of(st.none(), st.floats()),
)
def test_no_statistics_break_a_model_or_its_bounds(
    columns: tuple[Stored, ...],
    live: int,
    modified: int,
    method: str,
    deduplicates: bool,
    distinct: float | None,
) -> None:
    known = sizes(
        columns,
        counted(live, modified=modified, dead=live),
        method=method,
        deduplicates=deduplicates,
        distinct=distinct,
    )
    for one in model(known).values():
        if one.rewritten_bytes is None:
            assert one.method is Method.none
            assert one.note
            continue
        assert 0 <= one.low_bytes <= one.rewritten_bytes <= one.high_bytes
        assert one.high_bytes <= one.relation.size_bytes
        assert 0 <= one.bloat_low_bytes <= (one.bloat_bytes or 0) <= one.bloat_high_bytes
        assert 0 <= (one.bloat_ratio or 0) <= 1
        assert one.reserve_bytes >= 0


SANE = st.builds(
    Stored,
    type_length=st.sampled_from([-1, 4, 8]),
    alignment=st.sampled_from([4, 8]),
    storage=st.just("x"),
    null_ratio=st.floats(0, 1),
    average_bytes=st.integers(1, 500).map(float),
    n_distinct=st.one_of(st.floats(-1, -0.01), st.integers(1, 10**4).map(float)),
    correlation=st.floats(-1, 1),
)


def of(known: Sizes, oid: int) -> Estimate:
    return model(known)[oid]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SANE, min_size=1, max_size=3).map(tuple),
    st.integers(1, 50_000),
    st.integers(0, 50_000),
    st.booleans(),
)
def test_fewer_rows_leave_no_less_bloat(
    columns: tuple[Stored, ...], rows: int, fewer: int, deduplicates: bool
) -> None:
    few, many = (
        sizes(columns, counted(number), pages=20_000, deduplicates=deduplicates)
        for number in (max(1, rows - fewer), rows)
    )
    assert of(few, TABLE).bloat_bytes >= of(many, TABLE).bloat_bytes  # type: ignore[operator]
    # How rows fall on keys is told by chance: a page or a thousandth more or less.
    before, after = of(many, INDEX).rewritten_bytes, of(few, INDEX).rewritten_bytes
    assert before is not None
    assert after is not None
    assert after <= before * 1.01 + 2 * 8192


@pytest.mark.parametrize(
    ("column", "rows", "heap_pages", "index_pages"),
    [  # as PostgreSQL 18 makes them of so many rows
        (Stored(8, 8, null_ratio=0.0, average_bytes=8.0, n_distinct=-1.0), 100_000, 443, 276),
        (Stored(8, 8, null_ratio=1.0, average_bytes=8.0, n_distinct=0.0), 100_000, 443, None),
    ],
)
def test_simple_tables_are_known_to_the_page(
    column: Stored, rows: int, heap_pages: int, index_pages: int | None
) -> None:
    known = sizes((column,), counted(rows), deduplicates=True)
    heap = of(known, TABLE).rewritten_bytes
    assert heap is not None
    assert heap / 8192 == pytest.approx(heap_pages, rel=0.25 if column.null_ratio else 0.01)
    if index_pages:
        assert of(known, INDEX).rewritten_bytes == pytest.approx(index_pages * 8192, rel=0.01)


def test_missing_statistics_are_said_not_guessed() -> None:
    blind = Stored(-1, 4, "x", name="c")
    for known, words in (
        (sizes((blind,), counted(100)), "this role may not see its statistics"),
        (sizes((blind,), Counters()), "never vacuumed or analysed"),
        (sizes((replace(blind, null_ratio=0.0),), counted(100), method="ivfflat"), "no model of"),
    ):
        notes = [one.note for one in model(known).values()]
        assert any(words in note for note in notes), notes
    readable = sizes((blind,), counted(100))
    shape = replace(readable.tables[TABLE], readable=True)
    assert of(replace(readable, tables={TABLE: shape}), TABLE).note == "never analysed"


def test_rows_that_were_counted_long_ago_are_less_sure() -> None:
    fresh = rows_now(relation(TABLE, Kind.TABLE, 10, counters=counted(500), rows=500.0),
                     standby=False)  # fmt: skip
    old = rows_now(relation(TABLE, Kind.TABLE, 10, counters=counted(500, modified=400), rows=500.0),
                   standby=False)  # fmt: skip
    away = rows_now(replace(relation(TABLE, Kind.TABLE, 20, rows=500.0), pages=10), standby=True)
    assert fresh is not None
    assert old is not None
    assert away is not None
    assert fresh.error < old.error < away.error
    assert "standby" in away.note
    assert rows_now(relation(TABLE, Kind.TABLE, 10), standby=True) is None


TENANTS = (
    Stored(4, 4, null_ratio=0.0, average_bytes=4.0, n_distinct=1000.0, may_be_null=False),
    Stored(4, 4, null_ratio=0.0, average_bytes=4.0, n_distinct=10_000.0, may_be_null=False),
)


def test_columns_that_depend_on_each_other_are_found_out_and_said() -> None:
    """A user is of one tenant: there are 10,000 pairs, and not one for each row."""
    rows, fresh_pages = 1_000_000, 850
    known = sizes(TENANTS, counted(rows), pages=fresh_pages, deduplicates=True)
    table = replace(known.relations[TABLE], size_bytes=9000 * 8192)
    known = replace(known, relations={**known.relations, TABLE: table})
    index = of(known, INDEX)
    assert index.note == DEPENDENT
    assert index.bloat_low_bytes == 0  # nothing is advised on a guess
    half_empty = of(known, TABLE).bloat_ratio
    assert half_empty is not None
    assert index.bloat_ratio == pytest.approx(min(half_empty, index.bloat_high_bytes
                                                  / (fresh_pages * 8192)), abs=0.01)  # fmt: skip
    told = sizes(TENANTS, counted(rows), pages=fresh_pages, deduplicates=True, distinct=10_000.0)
    assert of(told, INDEX).bloat_ratio == pytest.approx(0.0, abs=0.06)
    assert of(told, INDEX).note == ""


def test_a_name_in_an_index_is_as_long_as_it_is() -> None:
    """In tables it takes 64 bytes, which is what its mean says."""
    name = Stored(-2, 1, "p", null_ratio=0.0, average_bytes=64.0, n_distinct=-1.0, lengths=(8,) * 9)
    number = Stored(8, 8, "p", null_ratio=0.0, average_bytes=8.0, n_distinct=-0.5)
    known = sizes((number, name), counted(40_000), pages=470, deduplicates=True)
    assert of(known, INDEX).rewritten_bytes == pytest.approx(40_000 * 28 / 7330 * 8192, rel=0.03)
