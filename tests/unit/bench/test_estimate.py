"""Estimates, quantiles and rounds."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.bench.estimate import estimate, quantile, student_t
from dbtune.bench.rounds import interleaved

RATES = st.lists(st.floats(0, 1e9), min_size=1, max_size=60)


def test_an_interval_as_a_textbook_has_it() -> None:
    found = estimate([10, 12, 14])
    half = 4.303 * 2 / math.sqrt(3)
    assert found.mean == 12
    assert found.high == pytest.approx(12 + half)
    assert found.error_ratio == pytest.approx(half / 12)
    assert estimate([5]) == (5, None, None, 1)
    with pytest.raises(ValueError, match="nothing"):
        estimate([])


@pytest.mark.parametrize(("freedom", "known"), [(1, 12.706), (20, 2.086), (30, 2.042), (120, 1.98)])
def test_students_t(freedom: int, known: float) -> None:
    assert student_t(freedom) == pytest.approx(known, abs=0.003)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    source = random.Random(7)
    held = 0
    for _ in range(2000):
        found = estimate([source.gauss(100, 15) for _ in range(5)])
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 100 <= found.high
    assert 0.93 <= held / 2000 <= 0.97


@given(RATES)
def test_an_estimate_is_within_what_was_measured(values: list[float]) -> None:
    found = estimate(values)
    assert min(values) - 1e-6 <= found.mean <= max(values) * (1 + 1e-9) + 1e-6
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.mean * (1 + 1e-9)
        assert found.high >= found.mean * (1 - 1e-9)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_so_large_a_share_does_not_exceed_a_quantile(values: list[float], share: float) -> None:
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_a_quantile_of_a_hundred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert quantile(values, 0.5) == 50
    assert quantile(values, 0.95) == 95
    assert quantile(values, 1) == 100
    assert quantile([3.0], 0.99) == statistics.median([3.0])


def test_each_round_measures_every_case_in_an_order_of_its_own() -> None:
    asked: list[int] = []
    done: list[float] = []

    def measure(case: int) -> int:
        asked.append(case)
        return case

    found = interleaved(range(6), 20, measure, done.append)
    assert found == {case: [case] * 20 for case in range(6)}
    rounds = [tuple(asked[start : start + 6]) for start in range(0, 120, 6)]
    assert all(sorted(one) == list(range(6)) for one in rounds)
    assert len(set(rounds)) > 10
    assert done == list(range(1, 121))
