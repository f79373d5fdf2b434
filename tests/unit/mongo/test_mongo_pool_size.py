"""Pools of MongoDB's clients: what load and limits come to."""

from __future__ import annotations

from typing import Any

import pytest

from dbtune.mongo.load import Load, applications_of, load_of
from dbtune.mongo.pool_size import FEWEST, WATCHING, plan_for
from dbtune.pooling.inputs import PoolInputs

BUSY = Load(current=100, available=9900, seconds=10, operations=10_000, busy_ms=100_000)
"""1,000 a second of 10 ms: 10 at work."""


def given(**values: Any) -> PoolInputs:
    return PoolInputs(**values, origins={name: f"--{name}" for name in values})


def status(at: float, ops: int, latency_us: int, **connections: int) -> dict[str, Any]:
    told = {"current": 20, "available": 80, "active": 6, "awaitingTopologyChanges": 2}
    return {
        "uptimeMillis": at * 1000,
        "opLatencies": {
            "reads": {"ops": ops, "latency": latency_us},
            "commands": {"ops": 5, "latency": 7},
        },
        "connections": told | connections,
        "globalLock": {"currentQueue": {"total": 4}},
    }


def test_the_load_is_what_grew_without_our_own_commands() -> None:
    looks = [status(100, 0, 0), status(105, 51, 250_000), status(110, 102, 500_000)]
    load = load_of(looks, 1.0, 65536, 3)
    assert (load.seconds, load.operations, load.busy_ms) == (10, 100, 500)
    assert (load.per_second, load.mean_ms, load.limit) == (10, 5, 100)
    assert load.active == (3, 3, 3)  # neither those that wait for news, nor ours
    assert load.queued == (4, 4, 4)


def test_a_server_that_tells_nothing_is_no_load() -> None:
    load = load_of([{}, {}], 1.0, "many", 1)
    assert (load.limit, load.per_second, load.mean_ms, load.configured) == (None, None, None, None)
    assert plan_for(load, given(instances=2)).largest is None


def test_littles_law_and_the_peak() -> None:
    plan = plan_for(BUSY, given(instances=1))
    assert plan.demand is not None
    assert (plan.demand.busy_mean, plan.demand.busy_peak) == pytest.approx((10, 20))
    assert plan.largest is not None
    assert plan.largest > 20
    assert plan.smallest == 10
    assert plan.most == plan.largest + WATCHING


def test_many_small_pools_need_more_together() -> None:
    one, many = (plan_for(BUSY, given(instances=count)).largest for count in (1, 10))
    assert one is not None
    assert many is not None
    assert many < one < many * 10


def test_routers_share_the_load() -> None:
    one, three = (plan_for(BUSY, given(instances=4, poolers=count)).largest for count in (1, 3))
    assert one is not None
    assert three is not None
    assert three < one


@pytest.mark.parametrize(
    ("values", "largest", "decided"),
    [
        ({"instances": 10, "threads": 3}, 3, "threads"),
        ({"instances": 1000}, 5, "the server's limit"),
        ({"instances": 7000}, 1, "the server's limit"),
        ({"requests_per_second": 1, "hold_time_ms": 1, "instances": 2}, FEWEST, "the fewest"),
        ({"requests_per_second": 1000, "hold_time_ms": 10, "instances": 2000}, 1, "the server's"),
    ],
)
def test_what_decides(values: dict[str, Any], largest: int, decided: str) -> None:
    limit = {"max_connections": 10_000, "other_connections": 10}
    if values.get("instances") == 1000:
        values = values | {"requests_per_second": 300_000, "hold_time_ms": 100}
    plan = plan_for(BUSY, given(**limit, **values))
    assert (plan.largest, plan.constraint[: len(decided)]) == (largest, decided)


def test_an_option_wins_over_what_was_read() -> None:
    plan = plan_for(BUSY, given(instances=1, requests_per_second=2000, max_connections=50))
    assert plan.inputs.max_connections == 50
    assert plan.demand is not None
    assert plan.demand.busy_mean == pytest.approx(20)
    assert plan.inputs.peak_factor == 1  # a rate that somebody names may be that of the peak


def test_connections_by_application_and_driver() -> None:
    driver = {"name": "PyMongo|c", "version": "4.9|"}
    rows = [
        {"appName": "web", "client": f"10.0.0.{n}:1", "active": n == 1, "driver": driver}
        for n in (1, 1, 2)
    ]
    rows += [{"client": "10.0.0.9:1", "driver": {"name": "NetworkInterfaceTL-Repl"}}]
    rows += [{"appName": "web", "client": "10.0.0.1:2", "active": True, "hello": 1}]
    web, member, watching = applications_of(rows)
    assert (web.name, web.driver, web.connections) == ("web", "PyMongo c 4.9", 3)
    assert (web.hosts, web.busy, web.internal) == (2, 2, False)
    assert {member.internal, watching.internal} == {True, False}
    assert watching.busy == member.busy == 0
