"""The pool plan: what was required, what decides a size, and what must never happen."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.finding import Level, load_checks, run_checks
from dbtune.pooling.inputs import ABOUT, PoolInputs, round_down, round_up
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.report import report
from dbtune.pooling.sizing import Constraint, Shortage

THOUSAND = PoolInputs(requests_per_second=1000, hold_time_ms=20)
TYPICAL = replace(THOUSAND, max_connections=100, cpus=8, instances=5, workers=4)


def plan(**values: Any) -> PoolPlan:
    return derive(PoolInputs(**values))


# ------------------------------------------------------------------------------------ hard checks


def test_hundred_connections_five_instances_margin_08_is_16_per_instance() -> None:
    limits = plan(max_connections=100, instances=5, margin=0.8).limits
    assert limits is not None
    assert limits.per_instance == 16


def test_thousand_requests_per_second_at_20_ms_keep_20_connections_busy() -> None:
    demand = derive(THOUSAND).demand
    assert demand is not None
    assert demand.busy_mean == 20


def test_smallest_pool_for_200_per_second_at_20_ms() -> None:
    planned = plan(requests_per_second=200, hold_time_ms=20, target_wait_ms=5)
    assert planned.pool_size == 8
    assert planned.constraint is Constraint.wait_target


# ------------------------------------------------------------------------------- what is derivable


def test_nothing_given_derives_nothing_and_says_what_is_missing() -> None:
    planned = plan()
    assert planned.pool_size is None
    assert planned.constraint is Constraint.unknown
    assert planned.steps == ()
    assert set(planned.inputs.missing) == {
        "max_connections",
        "cpus",
        "instances",
        "requests_per_second",
        "hold_time_ms",
        "wait_share",
    }


def test_limits_alone_give_a_ceiling_but_no_size() -> None:
    planned = plan(max_connections=100, instances=5)
    assert planned.setting.ceiling == 80
    assert planned.pool_size is None
    assert planned.shortages == frozenset()


def test_cpus_alone_give_the_measured_cap() -> None:
    planned = plan(cpus=4)
    assert (planned.pool_size, planned.constraint) == (16, Constraint.cap)


def test_work_that_waits_raises_the_cap() -> None:
    # conf.md 3.3: transactions of 20 ms with 0.5 ms of CPU peaked at 64 clients on 2 cores.
    planned = plan(cpus=2, wait_share=0.975)
    assert planned.parallelism is not None
    assert planned.parallelism.balanced == pytest.approx(80)
    assert planned.pool_size == 120


def test_demand_alone_sizes_by_waits() -> None:
    planned = derive(THOUSAND)
    assert planned.pool_size == 26
    assert planned.server_max_connections == 38
    assert planned.app_pool_max is None


# ------------------------------------------------------------------------------------- constraints


@pytest.mark.parametrize(
    ("change", "size", "constraint"),
    [
        ({"cpus": None}, 26, Constraint.wait_target),
        ({}, 32, Constraint.cap),
        ({"wait_share": 0.7}, 40, Constraint.cap),
        ({"wait_share": 0.95}, 47, Constraint.twice_the_load),
        ({"cpus": 5.75}, 23, Constraint.cap),
        ({"max_connections": 30}, 22, Constraint.server),
    ],
)
def test_what_decides_the_size(change: dict[str, Any], size: int, constraint: Constraint) -> None:
    planned = derive(replace(TYPICAL, **change))
    assert (planned.pool_size, planned.constraint) == (size, constraint)


def test_threads_bound_a_process_pool_without_a_pooler() -> None:
    planned = derive(replace(TYPICAL, pooler=False, workers=1, threads=5, max_connections=500))
    assert (planned.pool_size, planned.constraint) == (5, Constraint.threads)
    assert (planned.app_pool_min, planned.app_pool_max) == (4, 5)


def test_behind_a_pooler_each_thread_has_its_client_connection() -> None:
    planned = derive(replace(TYPICAL, threads=8))
    assert planned.app_pool_max == 8
    assert planned.max_client_conn == 192
    assert planned.steps[-1].numbers == "max(100, ⌈1.2 × 20 × 8⌉)"


def test_margin_covers_reserved_slots_as_far_as_it_reaches() -> None:
    assert _budget(max_connections=100, other_connections=17) == 80
    assert _budget(max_connections=100, other_connections=30) == 67
    assert _budget(max_connections=5) == 0


def _budget(**values: Any) -> int:
    limits = plan(**values).limits
    assert limits is not None
    return limits.budget


def test_reserve_comes_out_of_the_margin() -> None:
    planned = derive(replace(TYPICAL, max_connections=30))
    assert planned.pool_size == 22
    assert planned.reserve_pool_size == 0  # 30 − 3 − 5 − 22
    assert derive(TYPICAL).reserve_pool_size == 5


def test_pools_share_cpus_and_connections() -> None:
    planned = derive(replace(TYPICAL, poolers=2, databases=2, users=1))
    assert planned.setting.pools == 4
    assert planned.pool_size == 9  # for 5 busy; 36 in all, where one pool needs 26
    assert planned.server_connections == 4 * (9 + 2)
    assert planned.max_db_connections == 11


def test_surge_counts_for_connections_but_not_for_load() -> None:
    calm = derive(replace(TYPICAL, pooler=False, max_connections=200))
    surging = derive(replace(TYPICAL, pooler=False, max_connections=200, surge=0.25))
    assert calm.pool_size == surging.pool_size == 4
    assert (calm.server_connections, surging.server_connections) == (80, 7 * 4 * 4)


def test_peak_factor_multiplies_the_load() -> None:
    planned = derive(replace(THOUSAND, peak_factor=2))
    assert planned.demand is not None
    assert (planned.demand.busy_mean, planned.demand.busy_peak) == (20, 40)
    assert planned.pool_size == derive(replace(THOUSAND, requests_per_second=2000)).pool_size
    assert planned.min_pool_size == 20


def test_variance_asks_for_more() -> None:
    even, wild = (derive(replace(THOUSAND, variance=cs2)).pool_size or 0 for cs2 in (0, 9))
    assert even < 26 < wild


# --------------------------------------------------------------------------------------- shortages


@pytest.mark.parametrize(
    ("change", "shortage"),
    [
        ({"cpus": 4}, Shortage.cpus),
        ({"cpus": 8, "wait_share": 0.5}, Shortage.cpus),
        ({"threads": 1}, Shortage.threads),
        ({"max_connections": 20}, Shortage.server),
        ({"max_connections": 20, "pooler": False}, Shortage.ceiling),
        ({"max_connections": 8}, Shortage.ceiling),
    ],
)
def test_impossible_inputs_have_no_size(change: dict[str, Any], shortage: Shortage) -> None:
    planned = derive(replace(TYPICAL, **change))
    assert shortage in planned.shortages
    assert planned.pool_size is None
    assert planned.constraint is Constraint.impossible


@pytest.mark.parametrize("name", ABOUT)
def test_values_out_of_bounds_are_usage_errors(name: str) -> None:
    about = ABOUT[name]
    for value in (about.low - 1, about.high * 2 + 1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"{about.option} must be between"):
            plan(**{name: value})


def test_a_load_beyond_any_server_is_a_shortage_however_many_pools_share_it() -> None:
    """It was an assertion that failed: each of twelve pools could have held its part."""
    planned = plan(
        requests_per_second=260_000, hold_time_ms=1050, wait_share=0.9, poolers=4, users=3,
        instances=1, threads=None, cpus=None, max_connections=None,
    )  # fmt: skip
    assert Shortage.server in planned.shortages


def test_every_numeric_input_is_described() -> None:
    fields = set(PoolInputs.__dataclass_fields__) - {"pooler", "origins", "balanced", "contended"}
    assert set(ABOUT) == fields


def test_origins() -> None:
    inputs = PoolInputs(cpus=4, margin=0.5, origins={"cpus": "profile"})
    assert inputs.origin("cpus") == "profile"
    assert inputs.origin("margin") == "given"
    assert inputs.origin("surge") == "default"


def test_rounding_is_blind_to_binary_noise() -> None:
    assert round_down(100 * 0.29) == 29
    assert round_up(10 * 1.1) == 11


# -------------------------------------------------------------------------------------- properties

_optional_cpus = st.none() | st.floats(0.1, 512)
_inputs = st.builds(
    PoolInputs,
    max_connections=st.none() | st.integers(1, 2000) | st.integers(2000, 200_000),
    superuser_reserved=st.integers(0, 10),
    reserved_connections=st.integers(0, 10),
    other_connections=st.integers(0, 50),
    cpus=_optional_cpus,
    instances=st.none() | st.integers(1, 200) | st.just(10_000),
    workers=st.integers(1, 32),
    threads=st.none() | st.integers(1, 64) | st.just(10_000),
    requests_per_second=st.none() | st.floats(0.001, 20_000) | st.floats(1e4, 1e6),
    hold_time_ms=st.none() | st.floats(0.01, 500) | st.floats(500, 600_000),
    wait_share=st.none() | st.floats(0, 0.999),
    variance=st.floats(0, 10),
    target_wait_ms=st.none() | st.floats(0, 100),
    peak_factor=st.floats(1, 5),
    pooler=st.booleans(),
    poolers=st.integers(1, 4),
    databases=st.integers(1, 4),
    users=st.integers(1, 4),
    margin=st.floats(0.1, 1),
    surge=st.floats(0, 1),
)


@settings(max_examples=300)
@given(_inputs)
def test_a_number_always_works(inputs: PoolInputs) -> None:
    planned = derive(inputs)
    size, setting, demand, limits = (
        planned.pool_size,
        planned.setting,
        planned.demand,
        planned.limits,
    )
    if planned.shortages:
        assert planned.constraint is Constraint.impossible
        assert (size, planned.app_pool_max, planned.server_max_connections) == (None, None, None)
    if size is None:
        assert planned.constraint in (Constraint.impossible, Constraint.unknown)
        return
    assert size >= 1
    assert setting.pools is not None
    assert setting.peak_pools is not None
    if limits is not None:
        assert setting.peak_pools * size <= limits.budget
        assert (planned.server_connections or 0) <= limits.usable
        assert planned.server_max_connections == inputs.max_connections
    if demand is not None:
        assert size * setting.pools > demand.busy_peak
        assert planned.wait is not None
        assert planned.utilisation is not None
        assert planned.utilisation < 1
    assert planned.min_pool_size is not None
    assert 1 <= planned.min_pool_size <= size
    if planned.app_pool_max is not None:
        assert planned.app_pool_min is not None
        assert 1 <= planned.app_pool_min <= planned.app_pool_max
    if inputs.pooler and planned.app_pool_max is not None and inputs.instances is not None:
        assert planned.max_client_conn is not None


@settings(max_examples=300)
@given(_inputs)
def test_impossible_is_critical_and_critical_is_impossible(inputs: PoolInputs) -> None:
    planned = derive(inputs)
    checks = [one for one in load_checks("dbtune.pooling.checks") if one.needs == ("plan",)]
    findings, skipped = run_checks(checks, {"plan": planned})
    assert skipped == []
    worst = any(finding.level is Level.critical for finding in findings)
    assert worst == bool(planned.shortages)
    for finding in findings:
        assert finding.remedy.text
        assert finding.why
        assert not any(character.isdigit() for character in finding.subject)


@given(_inputs)
def test_raising_max_connections_to_what_a_finding_says_helps(inputs: PoolInputs) -> None:
    planned = derive(inputs)
    if planned.shortages != {Shortage.ceiling} and planned.shortages != {Shortage.server}:
        return
    checks = load_checks("dbtune.pooling.checks")
    for finding in run_checks(checks, {"plan": planned})[0]:
        if finding.remedy.sql:
            told = int(finding.remedy.sql.rstrip(";").rpartition(" ")[2])
            after = derive(replace(inputs, max_connections=told))
            assert Shortage.ceiling not in after.shortages
            if finding.rule == "pool.server-limit-exceeded":
                assert Shortage.server not in after.shortages


@pytest.mark.parametrize("pooler", [True, False])
def test_absurd_inputs_are_answered_at_once(pooler: bool) -> None:
    inputs = PoolInputs(
        requests_per_second=1e9,
        hold_time_ms=86_400_000,
        instances=100_000,
        workers=10_000,
        max_connections=262_143,
        cpus=4096,
        wait_share=0.999,
        target_wait_ms=0,
        pooler=pooler,
    )
    started = time.perf_counter()
    said = report(derive(inputs))
    assert time.perf_counter() - started < 60  # in steps as small as the numbers: for days
    assert said.findings[0].level is Level.critical
