"""Differences of two readings of pg_stat_statements, and the merging of entries."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.statements.facts import Entry, Key, Reading
from dbtune.postgres.statements.group import group
from dbtune.postgres.statements.interval import difference

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(
    times: list[float], queryid: int = 1, text: str | None = None, **counters: float
) -> Entry:
    """An entry as the server would keep it after executions of these durations."""
    return Entry(
        key=Key(10, 20, queryid, toplevel=True),
        user="app",
        database="shop",
        counters={"calls": len(times), "rows": len(times), "total_exec_time": sum(times)}
        | counters,
        min_ms=min(times),
        max_ms=max(times),
        stddev_ms=statistics.pstdev(times),
        text=text,
    )


def reading(*entries: Entry, seconds: float = 0, **more: object) -> Reading:
    at = NOW + timedelta(seconds=seconds)
    return replace(Reading(at, entries, stats_reset=NOW, dealloc=0), **more)  # type: ignore[arg-type]


durations = st.lists(st.floats(0.01, 10_000), min_size=1, max_size=30)


@pytest.mark.parametrize(("told", "seconds"), [(5, 5), (7, 7), (4.9, 4.9), (-3600, 5), (7200, 5)])
def test_a_clock_that_was_set_meanwhile_tells_no_time(told: float, seconds: float) -> None:
    assert difference(reading(), reading(seconds=told), 5).seconds == seconds


@given(durations, durations)
def test_an_interval_has_the_calls_and_the_deviation_of_just_that_interval(
    before: list[float], during: list[float]
) -> None:
    change = difference(reading(entry(before)), reading(entry(before + during), seconds=5))
    (found,) = change.entries
    assert change.seconds == 5
    assert found.calls == len(during)
    assert found.total_ms == pytest.approx(sum(during), rel=1e-6, abs=1e-6)
    expected = statistics.pstdev(during)
    assert found.stddev_ms == pytest.approx(expected, rel=1e-3, abs=1e-3 * max(before + during))
    assert found.max_ms is None, "the extremes are of the entry's whole life"


@given(durations, durations)
def test_entries_of_one_statement_merge_as_if_they_had_been_one(
    one: list[float], other: list[float]
) -> None:
    entries = [
        entry(one, 1, "SELECT * FROM t WHERE a IN ($1)"),
        entry(other, 2, "SELECT * FROM t WHERE a IN ($1, $2)"),
    ]
    (found,) = group(entries, 8192, io_timed=True)
    assert found.variants == 2
    assert found.ids == ("1", "2")
    assert found.calls == len(one + other)
    assert found.mean_ms == pytest.approx(statistics.fmean(one + other))
    assert found.stddev_ms is not None
    assert math.isclose(
        found.stddev_ms,
        statistics.pstdev(one + other),
        rel_tol=1e-6,
        abs_tol=1e-6 * max(one + other),
    )
    assert (found.min_ms, found.max_ms) == (min(one + other), max(one + other))


def test_what_did_not_run_meanwhile_is_left_out() -> None:
    same = entry([1.0, 2.0])
    assert difference(reading(same), reading(same, seconds=5)).entries == ()


def test_a_new_entry_counts_as_it_is() -> None:
    change = difference(reading(), reading(entry([1.0, 2.0]), seconds=5))
    assert change.entries[0].max_ms == 2.0
    assert change.restarted == 0


def test_an_entry_that_counts_less_than_before_was_evicted_and_counts_from_zero() -> None:
    change = difference(reading(entry([1.0] * 9)), reading(entry([5.0, 5.0]), seconds=5))
    assert change.restarted == 1
    assert change.entries[0].calls == 2


def test_an_entry_that_began_anew_counts_from_zero_even_if_it_counts_more() -> None:
    later = replace(entry([5.0] * 9), stats_since=NOW + timedelta(seconds=2))
    change = difference(reading(entry([1.0, 1.0])), reading(later, seconds=5))
    assert change.restarted == 1
    assert change.entries[0].calls == 9


def test_a_reset_in_between_makes_everything_count_from_zero() -> None:
    change = difference(
        reading(entry([1.0] * 3)),
        reading(entry([1.0] * 5), seconds=5, stats_reset=NOW + timedelta(seconds=1)),
    )
    assert change.was_reset
    assert change.entries[0].calls == 5


def test_vanished_entries_are_counted() -> None:
    change = difference(
        reading(entry([1.0], 1), entry([1.0], 2)), reading(entry([1.0], 1), seconds=5)
    )
    assert change.vanished == 1


def test_dbtunes_own_statements_are_left_out() -> None:
    entries = [entry([1.0], 1, "SELECT /* dbtune */ 1"), entry([1.0], 2, "SELECT 2")]
    assert [one.text for one in group(entries, 8192, io_timed=True)] == ["SELECT 2"]


def test_a_statement_inside_a_function_is_kept_apart() -> None:
    outer = entry([1.0], 1, "SELECT 1")
    inner = replace(outer, key=replace(outer.key, toplevel=False))
    assert sorted(one.nested for one in group([outer, inner], 8192, io_timed=True)) == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE ROLE app LOGIN PASSWORD 'topsecret'",
        "alter user app password E'topsecret'",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=topsecret' PUBLICATION p",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password $$topsecret$$)",
    ],
)
def test_a_password_that_the_server_keeps_in_a_statement_is_not_shown(text: str) -> None:
    (found,) = group([entry([1.0], 1, text)], 8192, io_timed=True)
    assert "topsecret" not in found.text
    assert found.text.split()[0] == text.split()[0]
