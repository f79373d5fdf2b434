"""The queue's formulas against textbook definitions, published vectors and common sense."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.pooling.queueing import (
    MOST_CONNECTIONS,
    busy_connections,
    erlang_b,
    erlang_c,
    smallest_pool,
    waiting,
)

loads = st.floats(0.01, 500)
holds = st.floats(0.01, 60_000)
variances = st.floats(0, 20)


def textbook_erlang_c(offered: Fraction, servers: int) -> Fraction:
    """The definition with factorials, in exact arithmetic."""
    waiting_term = (
        offered**servers / math.factorial(servers) * Fraction(servers) / (servers - offered)
    )
    below = sum(
        (offered**k / Fraction(math.factorial(k)) for k in range(servers)), start=Fraction(0)
    )
    return waiting_term / (below + waiting_term)


def test_little_law_thousand_requests_of_20_ms_keep_20_connections_busy() -> None:
    assert busy_connections(1000, 20) == 20


@pytest.mark.parametrize(
    ("servers", "probability", "mean", "p95", "p99"),
    [
        (5, 0.554, 11.08, 48.1, 80.3),
        (6, 0.285, 2.85, 17.4, 33.5),
        (7, 0.135, 0.90, 6.6, 17.4),
        (8, 0.059, 0.30, 0.8, 8.9),
    ],
)
def test_published_vectors_200_per_second_at_20_ms(
    servers: int, probability: float, mean: float, p95: float, p99: float
) -> None:
    wait = waiting(4, 20, servers)
    assert wait is not None
    assert wait.probability == pytest.approx(probability, abs=0.0006)
    assert wait.mean_ms == pytest.approx(mean, abs=0.006)
    assert wait.p95_ms == pytest.approx(p95, abs=0.06)
    assert wait.p99_ms == pytest.approx(p99, abs=0.06)


def test_smallest_pool_for_the_published_vector() -> None:
    assert smallest_pool(4, 20, 5) == 8


@given(st.integers(1, 400), st.integers(1, 60))
def test_erlang_c_is_the_textbook_definition(tenths: int, servers: int) -> None:
    offered = Fraction(tenths, 10)
    if offered >= servers:
        assert erlang_c(float(offered), servers) == 1
    else:
        exact = float(textbook_erlang_c(offered, servers))
        assert erlang_c(float(offered), servers) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("servers", [1, 1_000, 20_000])
def test_stable_for_very_many_servers(servers: int) -> None:
    for utilisation in (1e-6, 0.5, 0.99, 0.9999):
        assert 0 <= erlang_b(servers * utilisation, servers) <= 1
        assert 0 <= erlang_c(servers * utilisation, servers) <= 1


@given(loads, holds, st.integers(1, 600), variances)
def test_waits_are_ordered_and_positive(
    offered: float, hold_ms: float, servers: int, variance: float
) -> None:
    wait = waiting(offered, hold_ms, servers, variance)
    if offered >= servers:
        assert wait is None
        return
    assert wait is not None
    assert 0 <= wait.probability <= 1
    assert 0 <= wait.p50_ms <= wait.p95_ms <= wait.p99_ms
    assert 0 <= wait.mean_ms < math.inf


@given(loads, holds, st.integers(1, 600), variances)
def test_one_more_connection_never_makes_waits_longer(
    offered: float, hold_ms: float, servers: int, variance: float
) -> None:
    fewer = waiting(offered, hold_ms, servers, variance)
    more = waiting(offered, hold_ms, servers + 1, variance)
    if fewer is not None:
        assert more is not None
        assert more.mean_ms <= fewer.mean_ms
        assert more.p95_ms <= fewer.p95_ms


@given(st.floats(0.01, 50), st.floats(1.0, 1.5), holds, st.integers(1, 100))
def test_more_load_never_makes_waits_shorter(
    offered: float, factor: float, hold_ms: float, servers: int
) -> None:
    light, heavy = (waiting(a, hold_ms, servers) for a in (offered, offered * factor))
    if heavy is not None:
        assert light is not None
        assert light.mean_ms <= heavy.mean_ms * (1 + 1e-12)


@given(loads, holds, st.floats(0, 1000), variances)
def test_smallest_pool_meets_the_target_and_one_fewer_does_not(
    offered: float, hold_ms: float, target_ms: float, variance: float
) -> None:
    servers = smallest_pool(offered, hold_ms, target_ms, variance=variance)
    assert servers is not None
    assert servers > offered
    enough = waiting(offered, hold_ms, servers, variance)
    assert enough is not None
    assert enough.p95_ms <= target_ms
    too_few = waiting(offered, hold_ms, servers - 1, variance) if servers > 1 else None
    assert too_few is None or too_few.p95_ms > target_ms


def test_single_server_is_pollaczek_khinchine() -> None:
    # M/G/1: mean wait = ρ/(1−ρ) · (1+cs²)/2 · S.
    for rho in (0.1, 0.5, 0.9):
        for variance in (0, 1, 4):
            wait = waiting(rho, 10, 1, variance)
            assert wait is not None
            assert wait.mean_ms == pytest.approx(rho / (1 - rho) * (1 + variance) / 2 * 10)


def test_square_root_staffing_is_near_for_large_pools() -> None:
    # Halfin and Whitt: c = a + β√a; a few per cent of arrivals wait near β = 2.
    for offered in (100, 1_000, 10_000):
        assert 0.01 < erlang_c(offered, round(offered + 2 * math.sqrt(offered))) < 0.05


def test_demand_beyond_any_server_has_no_pool() -> None:
    assert smallest_pool(MOST_CONNECTIONS, 20, 5) is None
