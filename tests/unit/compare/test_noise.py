"""Welch's test against published values, and what must hold of any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbtune.compare.noise import (
    Item,
    Sample,
    Verdict,
    fisher_index,
    shift,
    two_sided,
    weighted_median,
)

samples = st.builds(
    Sample,
    st.integers(1, 10**9).map(float),
    st.floats(1e-4, 1e6),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
costs = st.floats(0.001, 1e6)
items = st.builds(Item, costs, costs, st.floats(1, 1e6), st.floats(1, 1e6))


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [  # tables of Student's distribution
        (12.706, 1, 0.05),
        (2.571, 5, 0.05),
        (2.228, 10, 0.05),
        (3.169, 10, 0.01),
        (2.042, 30, 0.05),
        (3.291, 1e7, 0.001),
        (0, 7, 1),
        (math.inf, 7, 0),
    ],
)
def test_students_distribution_is_the_tables(t: float, freedom: float, p: float) -> None:
    assert two_sided(t, freedom) == pytest.approx(p, rel=2e-3)
    assert two_sided(-t, freedom) == pytest.approx(p, rel=2e-3)


def test_welch_agrees_with_a_worked_example() -> None:
    # Sample variances 13.4 and 60.4, n 15 and 15, means 20.8 and 23.0: t -0.992, freedom 20.0.
    before = Sample(15, 20.8, math.sqrt(13.4 * 14 / 15))
    after = Sample(15, 23.0, math.sqrt(60.4 * 14 / 15))
    assert shift(before, after).p == pytest.approx(0.333, abs=2e-3)


@given(samples, samples)
def test_swapping_the_periods_mirrors_the_verdict(before: Sample, after: Sample) -> None:
    there, back = shift(before, after), shift(after, before)
    assert there.verdict().mirrored is back.verdict()
    if there.p is not None and back.p is not None:
        assert there.p == pytest.approx(back.p, rel=1e-6, abs=1e-12)


@given(samples)
def test_equal_samples_never_differ(one: Sample) -> None:
    assert shift(one, one).verdict() in (Verdict.same, Verdict.unknown)


@given(samples, samples)
def test_a_few_calls_are_never_judged(before: Sample, after: Sample) -> None:
    assume(min(before.calls, after.calls) < 5)
    assert shift(before, after).verdict() is Verdict.unknown


@given(samples, samples)
def test_probabilities_are_probabilities(before: Sample, after: Sample) -> None:
    found = shift(before, after)
    assert found.p is None or 0 <= found.p <= 1
    if found.ratio is not None and found.low is not None and found.high is not None:
        assert found.low <= found.ratio <= found.high


@given(st.lists(items, min_size=1, max_size=20))
def test_the_index_inverts_when_the_periods_are_swapped(given_items: list[Item]) -> None:
    there = fisher_index(given_items)
    back = fisher_index(Item(i.after, i.before, i.calls_after, i.calls_before) for i in given_items)
    assert there is not None
    assert back is not None
    assert there * back == pytest.approx(1, rel=1e-9)


@given(st.lists(st.builds(lambda c, a, b: Item(c, c, a, b), costs, st.floats(1, 1e6),
                          st.floats(1, 1e6)), min_size=1))  # fmt: skip
def test_the_index_of_unchanged_costs_is_one_whatever_the_mix(same: list[Item]) -> None:
    assert fisher_index(same) == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 100)), min_size=1))
def test_the_median_is_odd(values: list[tuple[float, float]]) -> None:
    middle = weighted_median(values)
    mirrored = weighted_median([(-value, weight) for value, weight in values])
    assert middle is not None
    assert mirrored is not None
    # Of sums of weights that are equal but for rounding either neighbour is right.
    assert min(v for v, _ in values) <= middle <= max(v for v, _ in values)
    assert weighted_median([(v, 1.0) for v, _ in values]) == -(
        weighted_median([(-v, 1.0) for v, _ in values]) or 0
    )


def test_the_median_of_nothing_is_none() -> None:
    assert weighted_median([]) is None
    assert fisher_index([]) is None
