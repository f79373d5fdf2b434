"""Pages on paper: what must hold of any rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.bloat.layout import (
    BLOCK_BYTES,
    CHUNK_BYTES,
    POINTER_BYTES,
    TOAST_TARGET,
    Run,
    align,
    chunks,
    heap_header,
    moved_out,
    pages,
)

LENGTHS = st.integers(24, 8160)
RUNS = st.lists(st.builds(Run, LENGTHS, st.integers(0, 400)), max_size=12)
FILLFACTORS = st.integers(10, 100)


@given(RUNS, FILLFACTORS)
def test_rows_need_their_bytes_and_never_more_than_a_page_each(
    runs: list[Run], fillfactor: int
) -> None:
    rows = sum(run.times for run in runs)
    least = sum((align(run.length) + 4) * run.times for run in runs) / (BLOCK_BYTES - 24)
    assert least - 1e-6 <= pages(runs, fillfactor) <= max(1, rows)


@given(RUNS, st.builds(Run, LENGTHS, st.integers(1, 50)), FILLFACTORS)
def test_more_rows_never_need_fewer_pages(runs: list[Run], more: Run, fillfactor: int) -> None:
    assert pages([*runs, more], fillfactor) >= pages(runs, fillfactor) - 1e-9


@given(LENGTHS, st.integers(1, 2000), FILLFACTORS, st.integers(0, 90))
def test_a_lower_fillfactor_never_needs_fewer_pages(
    length: int, rows: int, fillfactor: int, lower: int
) -> None:
    low = max(10, fillfactor - lower)
    full = math.ceil(pages([Run(length, rows)], fillfactor))
    assert math.ceil(pages([Run(length, rows)], low)) >= full


def test_a_page_holds_what_the_server_puts_on_one() -> None:
    assert pages([Run(24, 291 * 5)]) == pytest.approx(5, abs=0.01)  # MaxHeapTuplesPerPage
    assert pages([Run(28 + 8, 185 * 3)]) == pytest.approx(3, abs=0.01)
    assert pages([Run(3000, 10)]) == pytest.approx(5, abs=0.3)
    assert pages([Run(3000, 10)], fillfactor=50) == pytest.approx(10, abs=0.3)
    assert pages([]) == 0


@given(st.integers(0, 200_000))
def test_chunks_hold_the_value(size: int) -> None:
    made = chunks(size)
    rows = sum(run.times for run in made)
    assert rows == math.ceil(size / CHUNK_BYTES)
    assert sum(run.length * run.times for run in made) >= size


@given(
    st.lists(st.tuples(st.integers(1, 9000), st.sampled_from("xem")), max_size=8),
    st.integers(24, 200),
)
def test_values_are_moved_out_until_a_row_fits(values: list[tuple[int, str]], header: int) -> None:
    length = header + sum(size for size, _ in values)
    moved = moved_out(length, values)
    out = [size for (size, _), gone in zip(values, moved, strict=True) if gone]
    left = length - sum(size - POINTER_BYTES for size in out)
    movable = [
        size
        for (size, storage), gone in zip(values, moved, strict=True)
        if not gone and storage != "m" and size > align(POINTER_BYTES)
    ]
    assert length > TOAST_TARGET or not out
    assert left <= TOAST_TARGET or not movable
    if len(out) > 1 and all(storage != "m" for _, storage in values):
        assert left + min(out) - POINTER_BYTES > TOAST_TARGET  # none too many


@given(st.integers(1, 1600))
def test_a_header_has_a_bit_for_each_attribute_only_with_nulls(attributes: int) -> None:
    assert heap_header(attributes, nulls=False) == 24
    with_nulls = heap_header(attributes, nulls=True)
    assert with_nulls % 8 == 0
    assert with_nulls - 23 >= attributes / 8
