"""The parts of the size model that need no server."""

from __future__ import annotations

import hashlib
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.indexes.entry_widths import Stored, entry_lengths
from dbtune.postgres.indexes.gin_sizes import GinKey, gin_bytes
from dbtune.postgres.indexes.key_groups import (
    Share,
    distinct_values,
    evenly,
    groups,
    narrowed,
    occurring,
    product,
    sampled_groups,
    shares,
)
from dbtune.postgres.indexes.predicate_share import (
    fixed_columns,
    not_null_columns,
    predicate_share,
)
from dbtune.postgres.relations.facts import Column, ColumnStatistics, Frequency, Table


def column(name: str, kind: str, category: str, statistics: ColumnStatistics | None) -> Column:
    return Column(1, name, kind, kind, category, statistics=statistics)


NUMBERS = ColumnStatistics(0.1, 4, 500, ("7", "8"), (0.3, 0.1), tuple(map(str, range(101))))
STATUS = ColumnStatistics(0.0, 6, 3, ("done", "open", "new"), (0.9, 0.07, 0.03))
FLAG = ColumnStatistics(0.0, 1, 2, ("f", "t"), (0.8, 0.2))
GONE = ColumnStatistics(0.75, 8, -0.25)
DAYS = ColumnStatistics(
    0.0, 8, -1, histogram=tuple(f"2025-{month:02}-01 00:00:00+00" for month in range(1, 13))
)
TABLE = Table(
    1, "public", "t", "r", 10_000, 100,
    (
        column("a", "int4", "N", NUMBERS),
        column("status", "text", "S", STATUS),
        column("flag", "bool", "B", FLAG),
        column("deleted", "timestamptz", "D", GONE),
        column("at", "timestamptz", "D", DAYS),
        column("unknown", "int4", "N", None),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("predicate", "share"),
    [
        ("", 1.0),
        ("(status = 'open'::text)", 0.07),
        ("(status <> 'done'::text)", 0.1),
        ("(status = ANY (ARRAY['open'::text, 'new'::text]))", 0.1),
        ("((status)::text = ANY ((ARRAY['open'::varchar, 'new'::varchar])::text[]))", 0.1),
        ("(deleted IS NULL)", 0.75),
        ("(deleted IS NOT NULL)", 0.25),
        ("flag", 0.2),
        ("(NOT flag)", 0.8),
        ("(flag IS TRUE)", 0.2),
        ("(flag = false)", 0.8),
        ("((deleted IS NULL) AND flag)", 0.15),
        ("((status = 'open'::text) OR (status = 'new'::text))", 0.0979),
        ("(a < 50)", 0.3 + 0.1 + 0.5 * 0.5),
        ("(a > 50)", 0.9 - 0.65),
        ("(a = 7)", 0.3),
        ("(a = 9)", 0.5 / 498),
        ("(at >= '2025-07-01'::timestamp)", 0.5),
        ("(status = 'nobody'::text)", 0.0),
    ],
)
def test_share_of_a_predicate(predicate: str, share: float) -> None:
    found = predicate_share(predicate, TABLE)
    assert found.likely == pytest.approx(share, abs=0.02)
    assert found.fewest <= found.likely <= found.most
    assert found.most - found.fewest < 0.3


@pytest.mark.parametrize(
    "predicate",
    ["(unknown > 5)", "f(a)", "(a > b)", "not sql at all ((", "(a = $1)", "(x ~ '^a')", "((", "'"],
)
def test_what_is_not_known_is_said_to_be_anything(predicate: str) -> None:
    found = predicate_share(predicate, TABLE)
    assert (found.fewest, found.most) == (0.0, 1.0)


@given(st.text(max_size=60))
def test_any_text_has_a_share(predicate: str) -> None:
    found = predicate_share(predicate, TABLE)
    assert 0 <= found.fewest <= found.most <= 1
    fixed_columns(predicate)
    not_null_columns(predicate)


def test_columns_that_a_predicate_fixes() -> None:
    text = "((status = 'open'::text) AND (deleted IS NULL) AND (a > 5) AND flag AND (at <> now()))"
    assert fixed_columns(text) == {"status", "deleted", "flag"}
    assert not_null_columns(text) >= {"status", "a", "at"}
    assert fixed_columns("((status = 'a') OR (status = 'b'))") == frozenset()


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("0", 3), ("1", 5), ("9999", 5), ("10000", 5), ("12345", 7), ("0.5", 5), ("1.5", 7),
        ("-123456789.25", 11), ("100000000", 5), ("0.00001", 5), ("NaN", 3),
    ],
)  # fmt: skip
def test_width_of_a_numeric(value: str, size: int) -> None:
    """Widths as pg_column_size says of values in a table."""
    known = ColumnStatistics(0, size, -1, histogram=(value,))
    lengths = set(entry_lengths([Stored("numeric", -1, 4, False, known)]))
    assert lengths == {8 + math.ceil(size / 8) * 8}


def test_entries_are_aligned_and_have_a_bitmap_for_nulls() -> None:
    number = Stored("int4", 4, 4, False, None)
    big = Stored("int8", 8, 8, False, None)
    flag = Stored("bool", 1, 1, False, None)
    text = Stored("text", -1, 4, False, ColumnStatistics(0, 4, -1, histogram=("abc",)))
    assert set(entry_lengths([number])) == {16}
    assert set(entry_lengths([number, number])) == {16}
    assert set(entry_lengths([number, big])) == {24}
    assert set(entry_lengths([flag, text])) == {16}
    assert set(entry_lengths([text, big])) == {24}
    some_null = Stored("int8", 8, 8, False, ColumnStatistics(0.25, 8, -1))
    lengths = entry_lengths([some_null, big])
    assert set(lengths) == {24}, "16 bytes of header and bitmap and 8, or 8 and 16"
    assert entry_lengths([some_null, some_null]).count(16) == pytest.approx(
        len(lengths) / 16, abs=6
    )
    long_text = Stored("text", -1, 4, False, ColumnStatistics(0, 204, -1, histogram=("x" * 200,)))
    assert set(entry_lengths([long_text])) == {8 + 208}


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.floats(0, 0.9),
    st.integers(100, 1_000_000),
)
def test_shares_hold_all_rows(weights: list[int], nulls: float, rows: int) -> None:
    total = sum(weights) * 1.4
    ratios = tuple(w / total * (1 - nulls) for w in sorted(weights, reverse=True))
    known = ColumnStatistics(nulls, 4, 1000, tuple(map(str, weights)), ratios)
    found = shares(known, 1000.0, rows)
    assert sum(one.ratio * one.values for one in found) == pytest.approx(1, abs=0.01)
    whole = groups(product([found, found]), rows)
    assert sum(one.rows * one.keys for one in whole) == pytest.approx(rows, rel=0.02)
    assert sum(one.keys for one in whole) <= rows * 1.001


@given(st.floats(1, 1e6), st.floats(10, 1e6))
def test_a_number_of_values_comes_out_as_it_went_in(distinct: float, rows: float) -> None:
    distinct = min(distinct, rows)
    assert occurring(evenly(1.0, distinct, rows), rows) == pytest.approx(distinct, rel=0.01)


@given(st.floats(2, 1000), st.integers(1000, 100_000))
def test_narrowed_to_what_is_known(distinct: float, rows: int) -> None:
    independent = product([[Share(1 / 100, 100)], [Share(1 / 50, 50)]])
    found = narrowed(independent, rows, distinct)
    assert occurring(found, rows) == pytest.approx(min(distinct, rows), rel=0.01)
    assert sum(one.ratio * one.values for one in found) == pytest.approx(1, rel=0.01)


def duj1(sampled: list[int], rows: int) -> float:
    """What ANALYZE would say of these sampled values."""
    counts: dict[int, int] = {}
    for one in sampled:
        counts[one] = counts.get(one, 0) + 1
    n, once = len(sampled), sum(count == 1 for count in counts.values())
    return n * len(counts) / (n - once + once * n / rows)


@pytest.mark.parametrize(("mean", "together"), [(3.75, False), (4, True), (2, False), (7, True)])
def test_number_of_values_behind_what_analyze_says(mean: float, together: bool) -> None:
    """Rows fall on values by chance, or equal rows lie in one block of 50: both are found again."""
    draw = random.Random(3)
    rows, sampled = 200_000, 2_000
    if together:
        values = [int(i // mean) for i in range(rows)]
    else:
        values = [draw.randrange(int(rows / mean)) for _ in range(rows)]
    truth = len(set(values))
    blocks = [values[i : i + 50] for i in range(0, rows, 50)]
    if together:  # ANALYZE picks blocks first, then rows of these
        met = [[v for b in draw.sample(blocks, sampled) for v in b] for _ in range(8)]
    else:
        met = [values] * 8
    said = [duj1(draw.sample(one, sampled), rows) for one in met]
    estimate = sum(said) / len(said)
    known = ColumnStatistics(0, 4, estimate, correlation=1.0 if together else 0.0)
    found = distinct_values(known, rows, rows / 50, sampled)
    assert found.likely == pytest.approx(truth, rel=0.2)
    assert found.fewest < truth < found.most
    assert abs(math.log(found.likely / truth)) <= abs(math.log(estimate / truth)) + 0.05


def sample_of(values: list[int], blocks: int, seed: int) -> tuple[list[Frequency], float]:
    """What a sample of blocks of 50 rows has, as the statement of sample.py counts it."""
    heap = [values[i : i + 50] for i in range(0, len(values), 50)]
    chosen = random.Random(seed).sample(range(len(heap)), blocks)
    rows: dict[int, int] = {}
    met: dict[int, set[int]] = {}
    for number in chosen:
        for value in heap[number]:
            rows[value] = rows.get(value, 0) + 1
            met.setdefault(value, set()).add(number)
    by_blocks: dict[int, list[int]] = {}
    for value, where in met.items():
        by_blocks.setdefault(len(where), []).append(rows[value])
    found = [Frequency(len(each), count, sum(each)) for count, each in by_blocks.items()]
    return found, blocks / len(heap)


ROWS = 100_000
_DRAW = random.Random(5)
_POPULAR = [_DRAW.randrange(100) if _DRAW.random() < 0.3 else 1000 + i for i in range(ROWS)]


@pytest.mark.parametrize(
    "values",
    [
        [i // 4 for i in range(ROWS)],
        [_DRAW.randrange(27_000) for _ in range(ROWS)],
        [_DRAW.randrange(2_000) for _ in range(ROWS)],
        [i % 7 for i in range(ROWS)],
        list(range(ROWS)),
        _POPULAR,
    ],
    ids=["together", "by-chance", "thousands", "few", "unique", "popular-and-unique"],
)
@pytest.mark.parametrize("blocks", [80, 400, 2000])
def test_keys_behind_a_sample_of_blocks(values: list[int], blocks: int) -> None:
    sample, share = sample_of(values, blocks, 1)
    likely, fewest, most = (
        sum(one.keys for one in sampled_groups(sample, share, which)) for which in (0, -1, 1)
    )
    truth = len(set(values))
    assert likely == pytest.approx(truth, rel=0.25), "what that changes in size is far less"
    assert fewest <= likely * 1.001 <= most * 1.002
    rows = sum(one.keys * one.rows for one in sampled_groups(sample, share))
    assert rows == pytest.approx(ROWS, rel=0.02)


@given(
    st.dictionaries(st.integers(1, 600), st.integers(1, 10_000), min_size=1),
    st.floats(0.001, 1),
    st.sampled_from([0, -1, 1]),
)
def test_any_sample_gives_as_many_rows_as_there_are(
    met: dict[int, int], share: float, which: int
) -> None:
    sample = [Frequency(keys, blocks, keys * blocks) for blocks, keys in met.items()]
    found = sampled_groups(sample, share, which)
    rows = sum(one.keys * one.rows for one in found)
    assert rows == pytest.approx(sum(keys * blocks for blocks, keys in met.items()) / share)
    assert all(one.keys >= 0 and one.rows >= 0.99 for one in found)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _of_values(values: list[str]) -> ColumnStatistics:
    return ColumnStatistics(0.0, 43, -1.0, histogram=tuple(values))


def test_trigrams_of_which_all_are_as_frequent() -> None:
    """In a sample, many seem rare and to need no pages of their own; 35.7 MiB are 200,000
    rows as PostgreSQL 15 builds them."""
    rows = range(7, 200_000, 1979)
    texts = [f"{_md5(f'x{i}')[:9]} {_md5(str(i % 3000))}" for i in rows]
    key = GinKey("x", "public.gin_trgm_ops", "text", _of_values(texts))
    assert gin_bytes([key], 200_000, 1870) == pytest.approx(35.7 * 2**20, rel=0.1)


def test_members_of_documents_are_not_as_few_as_trigrams() -> None:
    """Each of 60,000 documents has a reference of its own; PostgreSQL 15 needs 3.43 MiB."""
    documents = [f'{{"k": {i % 9}, "ref": "r{i}"}}' for i in range(0, 60_000, 594)]
    key = GinKey("data", "jsonb_path_ops", "jsonb", _of_values(documents))
    assert 0.5 < gin_bytes([key], 60_000, 600) / (3.43 * 2**20) < 2
