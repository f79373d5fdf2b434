"""From which hit ratio on a cache pays."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbtune.bench.cache import Parts, break_even, mean_ms
from dbtune.bench.cache_report import NAMES, Timed, report

MS = st.floats(0.001, 1000)


def test_by_hand() -> None:
    parts = Parts(query=10, hit=1, miss=0.5, encode=0.25, store=0.25)
    assert mean_ms(parts, 1) == 1
    assert mean_ms(parts, 0) == 11
    assert mean_ms(parts, 0.5) == 6
    assert break_even(parts) == pytest.approx(0.1)


def test_a_hit_that_is_no_faster_never_pays() -> None:
    assert break_even(Parts(1, 1, 0.1, 0.1, 0.1)) is None


@given(MS, MS, MS, MS, MS)
def test_at_the_break_even_both_ways_cost_the_same(
    query: float, hit: float, miss: float, encode: float, store: float
) -> None:
    assume(hit < query * 0.999)
    parts = Parts(query, hit, miss, encode, store)
    even = break_even(parts)
    assert even is not None
    assert 0 < even < 1
    assert mean_ms(parts, even) == pytest.approx(query, rel=1e-6)


def times(ms: float, wobble: float = 0.01) -> list[Timed]:
    return [Timed(ms * one, ms * one, 2 * ms * one) for one in (1 - wobble, 1, 1 + wobble)]


def verdict(query: float, hit: float, wobble: float = 0.01) -> str:
    rounds = {name: times(0.1, wobble) for name in NAMES}
    found = report(rounds | {"query": times(query, wobble), "hit": times(hit, wobble)}, {})
    return str(found.tables[0].rows[0]["verdict"])


def test_verdicts() -> None:
    assert verdict(10, 1) == "it pays from 3.2 % hits on"
    assert verdict(1, 2).startswith("it does not pay")
    assert verdict(1.1, 1, wobble=0.3).startswith("not to be told")
