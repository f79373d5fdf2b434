"""Samples of pages on paper: which are read, and bounds that hold the estimate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dbtune.postgres.bloat.btree_sample import Leaf
from dbtune.postgres.bloat.btree_sample import Tally as LeafTally
from dbtune.postgres.bloat.facts import Estimate, IndexShape, Kind, Method, Relation, Stored
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.heap_sample import Group, Sample, Tally, batches, choose


def relation(kind: Kind, blocks: int) -> Relation:
    return Relation(
        oid=1, schema="s", name="n", kind=kind, size_bytes=blocks * 8192, owner=1, table=1, root=1,
        root_schema="s", root_name="n", rows=None, pages=blocks,
    )  # fmt: skip


def check(one: Estimate) -> None:
    assert one.rewritten_bytes is not None
    assert 0 <= one.low_bytes <= one.rewritten_bytes <= one.high_bytes <= one.relation.size_bytes
    assert 0 <= one.bloat_low_bytes <= (one.bloat_bytes or 0) <= one.bloat_high_bytes


@given(st.integers(0, 100_000), st.integers(1, 400), st.integers(0, 2**32))
def test_blocks_are_drawn_from_all_parts_of_a_table(blocks: int, count: int, seed: int) -> None:
    chosen = choose(blocks, count, seed)
    assert len(chosen) == min(blocks, count)
    assert chosen == sorted(set(chosen))
    assert all(0 <= one < blocks for one in chosen)
    assert chosen == choose(blocks, count, seed)
    if blocks > count:
        part = blocks / count
        assert all(at * part - 1 <= one <= (at + 1) * part for at, one in enumerate(chosen))


@given(st.integers(1, 20_000))
def test_a_whole_table_is_read_block_by_block_once(blocks: int) -> None:
    read = [one for batch in batches(blocks, whole=True) for one in batch]
    assert sorted(read) == list(range(blocks))


BLOCK = st.lists(st.tuples(st.integers(24, 2000), st.integers(1, 80)), max_size=4)


@settings(deadline=None)
@given(st.lists(BLOCK, min_size=1, max_size=20), st.integers(0, 2000), st.integers(10, 100))
def test_a_tables_bounds_hold_its_estimate(
    contents: list[list[tuple[int, int]]], unread: int, fillfactor: int
) -> None:
    blocks = len(contents) + unread
    groups = tuple(
        Group(block, length, length, None, number)
        for block, held in enumerate(contents)
        for length, number in held
    )
    table = relation(Kind.TABLE, blocks)
    tally = Tally(table, blocks)
    tally.add(Sample(tuple(range(len(contents))), groups))
    rows = sum(number for held in contents for _, number in held)
    for counted in (None, Rows(rows * blocks / len(contents), 0.01), Rows(1e12, 0.0)):
        found = tally.found(None, counted, None)
        check(found.table)
        assert found.table.method is (Method.sample if unread else Method.exact)
        if not unread:
            assert found.rows.number == rows


LEAF = st.dictionaries(
    st.tuples(st.integers(2, 100).map(lambda n: 8 * n), st.integers(1, 50)),
    st.integers(1, 50),
    max_size=4,
)


@settings(deadline=None)
@given(
    st.lists(LEAF, max_size=8),
    st.integers(0, 500),
    st.floats(0, 1e6),
    st.booleans(),
    st.floats(0, 1),
)
def test_an_indexes_bounds_hold_its_estimate(
    pages: list[dict[tuple[int, int], int]], unread: int, rows: float, merges: bool, updates: float
) -> None:
    total = len(pages) + unread + 1
    shape = IndexShape("btree", (Stored(8, 8),), 1, deduplicates=merges)
    tally = LeafTally(relation(Kind.INDEX, total + 1), shape, total)
    tally.add(
        [Leaf(keys, sum(each * keys[length, each] for length, each in keys)) for keys in pages],
        len(pages) + 1,
    )
    check(tally.found(Rows(rows, 0.01), updates))
