"""Intervals hold the truth about as often as they say, whatever the looks have in common."""

from __future__ import annotations

from bisect import bisect
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.pooling import series
from dbtune.pooling.series import Estimate

RUNS = 100


def busy(random: Random, offered: float, hold: float, looks: int, every: float) -> list[int]:
    """Looks at a server with as many connections as it takes: arrivals at random, times too."""
    now, end = -10 * hold, looks * every
    begun, ended = [], []
    while now < end:
        now += random.expovariate(offered / hold)
        begun.append(now)
        ended.append(now + random.expovariate(1 / hold))
    ended.sort()
    at = [look * every for look in range(looks)]
    return [bisect(begun, moment) - bisect(ended, moment) for moment in at]


@pytest.mark.parametrize("hold", [0.02, 0.2, 1.0])
def test_the_interval_of_the_mean_holds_the_truth(hold: float) -> None:
    random = Random(7)
    held = 0
    for _ in range(RUNS):
        found = series.mean(busy(random, 4, hold, looks=200, every=0.1))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 4 <= found.high
    # Looks at transactions of a second are alike: without batches half of the intervals would miss.
    assert held >= 0.88 * RUNS


def test_quotients_and_their_interval() -> None:
    held = [4, 5, 3, 4, 4, 6, 5, 4, 3, 4] * 4
    on_cpu = [1, 2, 0, 1, 1, 2, 1, 1, 0, 1] * 4
    found = series.ratio(on_cpu, held)
    assert found.value == pytest.approx(10 / 42)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.value < found.high < 0.5
    with pytest.raises(ValueError, match="nothing"):
        series.ratio([0, 0], [0, 0])


def test_errors_of_a_quotient_add_up_squared() -> None:
    found = Estimate(10, 9, 11).over(Estimate(5, 4, 6)).scaled(1000)
    assert found.value == 2000
    error = (0.1**2 + 0.2**2) ** 0.5
    assert found.low == pytest.approx(2000 * (1 - error))
    assert found.high == pytest.approx(2000 * (1 + error))
    assert Estimate(10).over(Estimate(5, 4, 6)) == Estimate(2)


def test_the_peak_is_the_busiest_second_and_tells_what_the_next_may_be() -> None:
    calm = [3, 4, 3, 4, 4, 3, 3, 4, 3, 4]
    found = series.peak(calm * 5 + [9] * 10 + calm * 5, window=10)
    assert found.value == 9
    assert found.high is not None
    assert found.high >= 9
    steady = series.peak([4] * 100, window=10)
    assert steady == Estimate(4, 4, 4)


def test_the_quantile_is_one_of_the_looks() -> None:
    found = series.quantile(list(range(100)), 0.95)
    assert found.value == 94
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 94 <= found.high
    assert series.quantile(list(range(100)), 0.95) == found  # chance is the same each time


def test_few_looks_have_no_interval() -> None:
    assert series.mean([3, 4]) == Estimate(3.5)
    assert series.quantile([3, 4], 0.95) == Estimate(4)
    assert series.peak([3, 4], window=10) == Estimate(4)


def test_students_t() -> None:
    assert series.student(9) == pytest.approx(2.262, abs=0.005)
    assert series.student(4) == pytest.approx(2.776, abs=0.02)
    assert series.student(1000) == pytest.approx(1.962, abs=0.001)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=300), st.integers(1, 50))
def test_values_are_within_their_intervals(looks: list[int], window: int) -> None:
    for found in (
        series.mean(looks),
        series.quantile(looks, 0.95),
        series.peak(looks, window),
    ):
        assert min(looks) <= found.value <= max(looks)
        if found.low is not None and found.high is not None:
            assert 0 <= found.low <= found.value + 1e-9
            assert found.value <= found.high + 1e-9
