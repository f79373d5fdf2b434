"""Which sizes are tried, and which one is called the best."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.bench.pool import Load, alike, choose, rules, sizes_to_try, summarise
from dbtune.bench.pool_report import PREDICTED, report


def load(per_second: float, p95_ms: float) -> Load:
    return Load(per_second, p95_ms / 2, p95_ms, p95_ms * 2)


def swept(sizes: Mapping[int, tuple[float, float]]) -> dict[int, list[Load]]:
    noise = (0.99, 1.0, 1.01)
    return {
        size: [load(rate * one, p95 / one) for one in noise] for size, (rate, p95) in sizes.items()
    }


def test_enough_throughput_with_the_lowest_p95_wins() -> None:
    found = choose(summarise(swept({2: (500, 5), 8: (960, 20), 16: (1000, 30), 32: (990, 60)})))
    assert found.size == 8


def test_just_below_enough_is_not_enough() -> None:
    sizes = {8: (949.0, 20.0), 16: (1000.0, 30.0)}
    assert choose(summarise(swept(sizes))).size == 16
    assert choose(summarise(swept(sizes | {8: (951.0, 20.0)}))).size == 8


def test_of_equally_good_sizes_the_smallest() -> None:
    assert choose(summarise(swept({8: (1000, 20.5), 16: (1000, 20), 4: (990, 20.9)}))).size == 4


def test_rules() -> None:
    assert rules(2)["HikariCP, wiki: 2 · CPUs + 1"] == 5
    assert rules(0.5)["HikariCP, wiki: 2 · CPUs + 1"] == 2
    assert set(rules(None).values()) == {20, 64, 100}


@given(
    st.none() | st.integers(1, 500),
    st.lists(st.integers(1, 500), max_size=5),
    st.integers(1, 1000),
)
def test_sizes_to_try(predicted: int | None, formulas: list[int], most: int) -> None:
    found = sizes_to_try(predicted, formulas, most)
    assert found == sorted(set(found))
    assert found
    assert all(1 <= size <= most for size in found)
    assert all(min(size, most) in found for size in formulas)
    assert predicted is None or min(predicted, most) in found
    assert len(found) <= len(formulas) + 7


def test_around_a_prediction_by_factors_of_two() -> None:
    assert sizes_to_try(12, (), 100) == [2, 3, 6, 12, 24, 48]
    assert sizes_to_try(8, (5, 20, 64, 64), 64) == [1, 2, 5, 8, 20, 32, 64]


def test_pairs_of_rounds_tell_sizes_apart_although_the_machine_drifts() -> None:
    drift = (1.0, 0.5, 0.8, 0.3)
    runs = {
        size: [load(rate * slow * wobble, 10) for slow, wobble in zip(drift, noise, strict=True)]
        for size, rate, noise in (
            (4, 700, (1, 1.01, 0.99, 1)),
            (8, 1000, (1, 1, 1, 1)),
            (16, 1000, (1.02, 0.98, 0.99, 1.01)),
        )
    }
    four, eight, sixteen = summarise(runs)
    assert not alike(four, eight)
    assert alike(sixteen, eight)


def test_the_report_says_what_rules_reach_and_what_is_uncertain() -> None:
    sizes = summarise(swept({4: (700, 40), 8: (1000, 20), 20: (900, 40)}))
    found = report(sizes, {PREDICTED: 8, "PgBouncer's default": 20}, {"predicted_size": 8})
    result = found.tables[0].rows[0]
    assert result["pool_size"] == 8
    assert result["predicted_throughput_ratio"] == 1
    assert result["predicted_p95_factor"] == 1
    default = found.tables[2].rows[1]
    assert default["throughput_ratio"] == pytest.approx(0.9)
    assert default["p95_factor"] == pytest.approx(2)
    assert [row["mark"] for row in found.tables[1].rows] == [
        "",
        "best, pool-size",
        "PgBouncer's default",
    ]
    assert found.notes == ()
    largest = report(sizes[:2], {}, {})
    assert any("largest size tried" in note for note in largest.notes)
    assert largest.tables[0].rows[0]["predicted_throughput_ratio"] is None
