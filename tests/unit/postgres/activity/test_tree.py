"""Blocking trees of any shape, cycles among them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.activity.tree import MAX_DEPTH, trees
from dbtune.postgres.facts.sessions import Backend


def backend(pid: int, *blocked_by: int) -> Backend:
    return Backend(pid, "client backend", "u", "d", "", "", "active", blocked_by=blocked_by)


def shape(*backends: Backend) -> list[tuple[int, int, int]]:
    return [(one.depth, one.pid, one.blocked) for one in trees(backends)]


def test_nobody_waits() -> None:
    assert shape(backend(1), backend(2)) == []


def test_roots_stand_first_and_the_largest_tree_before_the_others() -> None:
    found = shape(backend(9, 8), backend(8), backend(1), backend(2, 1), backend(3, 2, 1))
    assert found == [(0, 1, 2), (1, 2, 1), (2, 3, 0), (0, 8, 1), (1, 9, 0)]


def test_a_root_that_is_not_seen_and_a_prepared_transaction() -> None:
    assert shape(backend(2, 77), backend(3, 0)) == [(0, 0, 1), (1, 3, 0), (0, 77, 1), (1, 2, 0)]


def test_a_deadlock_that_is_not_found_yet_has_a_first() -> None:
    assert shape(backend(1, 2), backend(2, 3), backend(3, 1)) == [(0, 1, 2), (1, 3, 1), (2, 2, 0)]


@given(st.dictionaries(st.integers(1, 40), st.lists(st.integers(0, 45), max_size=3), max_size=40))
def test_each_process_that_waits_stands_once(waits: dict[int, list[int]]) -> None:
    backends = [backend(pid, *by) for pid, by in waits.items()]
    found = [one.pid for one in trees(backends)]
    assert len(found) == len(set(found))
    assert {pid for pid, by in waits.items() if by} <= set(found)
    assert all(one.depth <= MAX_DEPTH for one in trees(backends))
