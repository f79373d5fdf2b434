"""Whether one index covers another, beside what a real planner does with each of them.

Pairs of b-trees are made by chance. The planner is asked to serve a set of queries with the one,
then with the other alone: an index covers another if it serves each query at least as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbtune.postgres.indexes.coverage import covers, form_of_definition, form_of_index
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.relations.facts import Index, IndexKey
from tests.servers import Postgres

COLUMNS = ("a", "b", "c")
DIRECTIONS = ((False, False), (False, True), (True, True), (True, False))


@dataclass(frozen=True)
class Made:
    """A b-tree: its keys with directions, stored columns, predicate."""

    keys: tuple[tuple[str, bool, bool], ...]
    include: tuple[str, ...]
    predicate: str

    @property
    def definition(self) -> Definition:
        return Definition(
            "public",
            "t",
            tuple(column_key(name, descending=d, nulls_first=f) for name, d, f in self.keys),
            self.include,
            self.predicate,
        )

    @property
    def index(self) -> Index:
        keys = tuple(
            IndexKey(name, family="integer_ops/int4", descending=d, nulls_first=f)
            for name, d, f in self.keys
        )
        return Index(1, 1, "public", "i", "btree", keys, self.include, self.predicate)


@st.composite
def indexes(draw: st.DrawFn) -> Made:
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True))
    keys = tuple((name, *draw(st.sampled_from(DIRECTIONS))) for name in names)
    rest = [name for name in COLUMNS if name not in names]
    include = tuple(name for name in rest if draw(st.integers(0, 3)) == 0)
    predicate = draw(st.sampled_from(("", "", "", "(d > 0)")))
    return Made(keys, include, predicate)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Made, Made]:
    """Two indexes, the second often like the first: else nothing would ever be covered."""
    wide = draw(indexes())
    if draw(st.integers(0, 3)) == 0:
        return wide, draw(indexes())
    count = draw(st.integers(1, len(wide.keys)))
    keys = list(wide.keys[:count])
    change = draw(st.integers(0, 4))
    if change == 1:
        keys = [(name, not d, not f) for name, d, f in keys]
    elif change == 2:
        name, d, f = keys[-1]
        keys[-1] = (name, d, not f)
    stored = {*wide.include, *(name for name, _, _ in wide.keys)}
    used = {name for name, _, _ in keys}
    include = tuple(
        name for name in COLUMNS
        if name not in used and name in stored and draw(st.integers(0, 2)) == 0
    )  # fmt: skip
    predicate = wide.predicate if draw(st.integers(0, 5)) else "(d > 0)"
    return wide, Made(tuple(keys), include, predicate)


def queries(narrow: Made) -> Iterator[str]:
    """Look-ups and orders that an index may serve, with the columns that it can return."""
    returned = ", ".join(sorted({*narrow.include, *(name for name, _, _ in narrow.keys)}))
    words = [
        f"{name} {'DESC' if d else 'ASC'} NULLS {'FIRST' if f else 'LAST'}"
        for name, d, f in narrow.keys
    ]
    back = [
        f"{name} {'ASC' if d else 'DESC'} NULLS {'LAST' if f else 'FIRST'}"
        for name, d, f in narrow.keys
    ]
    for equal in range(len(narrow.keys) + 1):
        conditions = [f"{name} = 5" for name, _, _ in narrow.keys[:equal]]
        ranged = [f"{name} > 5" for name, _, _ in narrow.keys[equal : equal + 1]]
        conditions += [narrow.predicate] if narrow.predicate else []
        for extra, order in itertools.product(([], ranged), (words[equal:], back[equal:], [])):
            where = " AND ".join([*conditions, *extra])
            yield (
                f"SELECT {returned} FROM t"
                + (f" WHERE {where}" if where else "")
                + (f" ORDER BY {', '.join(order)}" if order else "")
            )


def served(db: psycopg.Connection, made: Made, texts: list[str]) -> list[tuple[int, ...]]:
    """How well each query is served: by the index at all, its conditions, no sort, no visit."""
    found: list[tuple[int, ...]] = []
    with db.transaction(force_rollback=True):
        db.execute(made.definition.ddl(concurrently=False, name="i").encode())
        for text in texts:
            row = db.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
            assert row
            node = row[0][0]["Plan"]
            sorts = "Sort" in node["Node Type"]
            while node.get("Plans"):
                node = node["Plans"][0]
            by_index = node.get("Index Name") == "i"
            conditions = node.get("Index Cond", "").count("(") if by_index else 0
            only = by_index and node["Node Type"] == "Index Only Scan"
            found.append((by_index, conditions, not sorts, only, "Filter" not in node))
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    with Postgres(18).start() as pg:
        pg.psql(
            "CREATE TABLE t (a int, b int, c int, d int);"
            "INSERT INTO t SELECT i % 100, i % 70, i % 30, i % 3 FROM generate_series(1, 9000) i"
        )
        pg.psql("VACUUM ANALYZE t")
        with pg.connect() as db:
            db.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            db.execute("SET enable_incremental_sort = off; SET jit = off")
            db.execute("SET enable_sort = off; SET max_parallel_workers_per_gather = 0")
            yield db


COVERED = {True: 0, False: 0}


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pair=pairs())
def test_covers_is_what_the_planner_can_do(
    server: psycopg.Connection, pair: tuple[Made, Made]
) -> None:
    wide, narrow = pair
    texts = list(queries(narrow))
    mine, other = served(server, narrow, texts), served(server, wide, texts)
    as_well = all(
        all(part >= wanted for part, wanted in zip(*both, strict=True))
        for both in zip(other, mine, strict=True)
    )
    said = covers(form_of_index(wide.index), form_of_index(narrow.index))
    COVERED[said] += 1
    assert said == as_well, texts
    new = form_of_definition(wide.definition)
    assert covers(new, form_of_index(narrow.index, beside_new=True)) == said
    assert (
        covers(form_of_index(wide.index, beside_new=True), form_of_definition(narrow.definition))
        == said
    )


def test_pairs_of_both_kinds_were_tried() -> None:
    assert not sum(COVERED.values()) or min(COVERED.values()) >= 5


# ----------------------------------------------------------------------------------- uniqueness

ROWS = tuple(itertools.product((None, 0, 1), repeat=2))


def refused(keys: tuple[int, ...], nulls_not_distinct: bool) -> set[tuple[object, ...]]:
    """Pairs of rows of which a unique index refuses the second."""
    found: set[tuple[object, ...]] = set()
    for one, other in itertools.product(ROWS, repeat=2):
        mine, others = [one[k] for k in keys], [other[k] for k in keys]
        if mine == others and (nulls_not_distinct or None not in mine):
            found.add((one, other))
    return found


@given(
    wide=st.tuples(st.sampled_from(((0,), (1,), (0, 1), (1, 0))), st.booleans(), st.booleans()),
    narrow=st.tuples(st.sampled_from(((0,), (1,), (0, 1), (1, 0))), st.booleans(), st.booleans()),
)
def test_no_constraint_is_lost(
    wide: tuple[tuple[int, ...], bool, bool], narrow: tuple[tuple[int, ...], bool, bool]
) -> None:
    def made(one: tuple[tuple[int, ...], bool, bool]) -> Index:
        keys, unique, nulls = one
        parts = tuple(IndexKey("ab"[k], family="integer_ops/int4") for k in keys)
        return Index(1, 1, "s", "i", "btree", parts, unique=unique, nulls_not_distinct=nulls)

    if covers(form_of_index(made(wide)), form_of_index(made(narrow))) and narrow[1]:
        assert wide[1]
        assert refused(narrow[0], narrow[2]) <= refused(wide[0], wide[2])
