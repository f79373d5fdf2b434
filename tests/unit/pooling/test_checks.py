"""Each check on a pool plan: fires, silent just below, silent where it does not apply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbtune.finding import Check, Finding, Level, load_checks
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive

CHECKS = {one.name: one for one in load_checks("dbtune.pooling.checks") if one.needs == ("plan",)}
BASE = PoolInputs(
    requests_per_second=1000,
    hold_time_ms=20,
    max_connections=100,
    cpus=8,
    wait_share=0.7,
    instances=5,
    workers=4,
)


def found(name: str, inputs: PoolInputs, **thresholds: float) -> list[Finding]:
    return CHECKS[f"pool.{name}"](derive(inputs), **thresholds)


def test_a_healthy_plan_has_no_finding() -> None:
    assert [one for name in CHECKS for one in CHECKS[name](derive(BASE))] == []


def test_nothing_known_has_no_finding() -> None:
    assert [one for name in CHECKS for one in CHECKS[name](derive(PoolInputs()))] == []


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_documented(check: Check) -> None:
    assert set(check.documentation) == {"Why", "Mistaken when", "Remedy"}


def test_cpu_time_over_capacity() -> None:
    (finding,) = found("demand-over-capacity", replace(BASE, wait_share=0.5))
    assert finding.level is Level.critical
    assert "10 CPUs busy; the server has 8" in finding.message
    assert "7.20 ms" in finding.remedy.text  # 0.9 × 8 CPUs / 1000/s
    assert found("demand-over-capacity", replace(BASE, wait_share=0.61)) == []


def test_measured_on_saturated_cpus_the_time_in_their_queue_is_not_taken_for_cpu_time() -> None:
    seen = dict.fromkeys(("wait_share", "hold_time_ms", "requests_per_second"), "the server")
    (finding,) = found("demand-over-capacity", replace(BASE, wait_share=0.5, origins=seen))
    assert "10 processes ran or wanted to run on average, on 8 CPUs" in finding.message
    assert "CPU time each" not in finding.message
    assert "run more than 8 CPUs;" in finding.remedy.text
    rushed = replace(BASE, wait_share=0.61, peak_factor=1.5, origins=seen)  # not saturated yet
    (finding,) = found("demand-over-capacity", rushed)
    assert "CPUs busy; the server has 8" in finding.message


def test_over_the_cap_while_the_share_of_waiting_is_unknown() -> None:
    unknown = replace(BASE, wait_share=None)
    (finding,) = found("demand-over-capacity", replace(unknown, cpus=5))
    assert "5 CPUs serve 20" in finding.message
    assert "77.5 %" in finding.remedy.text
    told = replace(BASE, cpus=5, wait_share=0.775)
    assert found("demand-over-capacity", told) == []
    assert found("demand-over-capacity", replace(unknown, cpus=5.25)) == []


def test_more_requests_in_flight_than_threads() -> None:
    (finding,) = found("demand-over-capacity", replace(BASE, threads=1))
    assert finding.subject == "application threads"
    assert "18.0 ms" in finding.remedy.text  # 0.9 × 20 threads / 1000/s
    assert found("demand-over-capacity", replace(BASE, threads=2)) == []


def test_more_busy_than_the_server_gives() -> None:
    (finding,) = found("server-limit-exceeded", replace(BASE, max_connections=25))
    assert finding.remedy.sql == "ALTER SYSTEM SET max_connections = 34;"
    assert found("server-limit-exceeded", replace(BASE, max_connections=34)) == []


def test_more_than_postgresql_can_have() -> None:
    (finding,) = found(
        "server-limit-exceeded", PoolInputs(requests_per_second=1e8, hold_time_ms=1000)
    )
    assert finding.remedy.sql == ""
    assert "several servers" in finding.remedy.text


def test_fewer_connections_than_processes() -> None:
    direct = replace(BASE, pooler=False, max_connections=27)
    (finding,) = found("ceiling-under-one", direct)
    assert "19 connections for 20 application processes" in finding.message
    assert "PgBouncer" in finding.remedy.text
    assert found("ceiling-under-one", replace(direct, max_connections=28)) == []
    assert found("ceiling-under-one", replace(direct, pooler=True)) == []


def test_all_slots_reserved() -> None:
    (finding,) = found("ceiling-under-one", PoolInputs(max_connections=8))
    assert "0 connections for 1 PgBouncer pool" in finding.message
    assert "at least 9" in finding.remedy.text


def test_wait_over_target_names_what_binds() -> None:
    (finding,) = found("wait-over-target", replace(BASE, max_connections=30))
    assert "set max_connections to 34" in finding.remedy.text
    (finding,) = found("wait-over-target", replace(BASE, cpus=5.75, wait_share=None))
    assert "more CPUs" in finding.remedy.text
    assert found("wait-over-target", replace(BASE, max_connections=34)) == []


def test_wait_over_target_holds_with_the_hold_time_it_asks_for() -> None:
    tight = replace(BASE, max_connections=30, target_wait_ms=5)
    (finding,) = found("wait-over-target", tight)
    told = float(finding.remedy.text.partition("hold time to ")[2].partition(" ms")[0])
    assert 15 < told < 20
    assert found("wait-over-target", replace(tight, hold_time_ms=told - 0.05)) == []
    assert found("wait-over-target", replace(tight, hold_time_ms=told + 0.1)) != []


def test_utilisation_of_the_pool() -> None:
    busy = replace(BASE, max_connections=29)
    (finding,) = found("utilisation-too-high", busy)
    assert finding.subject == "connection pool"
    assert found("utilisation-too-high", busy, most_pool_ratio=0.96) == []
    assert found("utilisation-too-high", replace(BASE, max_connections=31)) == []


def test_utilisation_of_the_cpus() -> None:
    (finding,) = found("utilisation-too-high", replace(BASE, wait_share=0.65))
    assert finding.subject == "server CPUs"
    assert "87.5 % of 8 CPUs" in finding.message
    assert found("utilisation-too-high", replace(BASE, wait_share=0.7)) == []


def test_wide_application_pools() -> None:
    direct = replace(BASE, pooler=False)
    (finding,) = found("wide-app-pools", direct)
    assert "20 processes × 4" in finding.message
    assert "its CPUs serve 40 well" in finding.message
    assert "a shared pool of 40" in finding.remedy.text
    assert found("wide-app-pools", replace(direct, cpus=None, wait_share=None)) == []
    (finding,) = found(
        "wide-app-pools", replace(direct, cpus=None, wait_share=None, max_connections=90)
    )
    assert "the server's budget has 72" in finding.message


def test_no_room_for_one_more_instance() -> None:
    direct = replace(BASE, pooler=False)
    (finding,) = found("no-room-for-one-more-instance", direct)
    assert "24 processes × 4 connections = 96; the server has 92" in finding.message
    assert "3 per process" in finding.remedy.text
    assert found("no-room-for-one-more-instance", replace(direct, max_connections=104)) == []
    assert found("no-room-for-one-more-instance", BASE) == []
