"""The load between two readings of a server's counters, with samples taken meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbtune.errors import Unavailable, UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.postgres.pool_facts import ConnectionLimits, Load, load_between, wait_share_of
from dbtune.postgres.pool_size import of_limits, of_load
from dbtune.postgres.session import Row

AT = datetime(2026, 11, 21, tzinfo=UTC)


def reading(transactions: int, held_ms: float | None, **values: Any) -> Row:
    return {
        "at": AT,
        "transactions": transactions,
        "held_ms": held_ms,
        "stats_reset": None,
    } | values


def sample(held: int, on_cpu: int, hidden: int = 0) -> Row:
    return {"held": held, "on_cpu": on_cpu, "hidden": hidden}


BEFORE = reading(1000, 5000.0)
AFTER = reading(3011, 45_000.0, at=AT + timedelta(seconds=10))
SAMPLES = [sample(4, 1)] * 100


def test_rate_hold_time_and_waiting() -> None:
    load = load_between(BEFORE, AFTER, SAMPLES, own_transactions=11)
    assert load.seconds == 10
    assert load.per_second == 200
    assert load.hold_ms == 20
    assert load.wait_share == 0.75
    assert load.observations == 400
    assert load.skipped == ()


@pytest.mark.parametrize(
    ("after", "what", "words"),
    [
        (reading(1005, 5001.0), "demand", "no transaction"),
        (reading(500, 100.0), "demand", "reset"),
        (reading(3000, 45_000.0, stats_reset=AT), "demand", "reset"),
        (reading(3000, 5000.0), "hold time", "no session reported"),
    ],
)
def test_what_cannot_be_told_is_skipped(after: Row, what: str, words: str) -> None:
    after["at"] = AT + timedelta(seconds=10)
    load = load_between(BEFORE, after, SAMPLES, own_transactions=10)
    (skipped,) = load.skipped
    assert skipped.what == what
    assert words in skipped.reason
    assert (load.per_second is None) == (what == "demand")
    assert load.hold_ms is None
    assert load.wait_share == 0.75


def test_before_14_there_are_no_session_times() -> None:
    after = reading(3000, None, at=AT + timedelta(seconds=10))
    load = load_between(reading(1000, None), after, SAMPLES)
    assert load.per_second == 200
    assert [one.what for one in load.skipped] == ["hold time"]


@pytest.mark.parametrize(
    ("samples", "share"),
    [
        ([sample(50, 50)], 0),
        ([sample(50, 80)], 0),  # parallel workers
        ([sample(50, 0)], 0.99),  # never 1: that would mean CPUs without limit
        ([sample(100, 30)], 0.7),
    ],
)
def test_share_of_waiting(samples: list[Row], share: float) -> None:
    assert wait_share_of(samples) == pytest.approx(share)


def test_share_of_waiting_needs_observations_and_privileges() -> None:
    with pytest.raises(Unavailable, match="only 49 busy connections"):
        wait_share_of([sample(49, 1)])
    with pytest.raises(Unavailable, match="hidden") as raised:
        wait_share_of([sample(100, 1, hidden=1)])
    assert "pg_read_all_stats" in raised.value.remedy


def test_known_values_say_where_they_come_from() -> None:
    known = of_limits(ConnectionLimits(100, 3, 2))
    assert known["reserved_connections"] == (2, "the server")
    assert of_load(None) == {}
    known = of_load(Load(10, 200, 20, None))
    assert set(known) == {"requests_per_second", "hold_time_ms", "peak_factor"}
    PoolInputs(**{name: value for name, (value, _) in known.items()})


def test_a_value_read_that_is_out_of_bounds_is_named() -> None:
    with pytest.raises(UsageError, match="pg_stat_database"):
        PoolInputs(hold_time_ms=1e12, origins={"hold_time_ms": "pg_stat_database"})
