"""Each check on an observed load: fires, silent just below, silent where it does not apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dbtune.errors import Unavailable
from dbtune.finding import Check, Finding, Level, load_checks
from dbtune.pooling.inputs import Contended, PoolInputs
from dbtune.pooling.load import Calls, Load, Looks, Room, Turns, Use, Work
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.pooler import Application, Bouncer, Entry, Pool, PoolerLoad, Pools, Traffic

CHECKS = {one.name: one for one in load_checks("dbtune.pooling.checks")}
OF_LOADS = [one for one in CHECKS.values() if one.needs != ("plan",)]
WEB = Use(
    "shop", "app", "web", connections=1000, most_connections=10, held=400, most_held=6, cpu=300,
    client=100, on_cpu=300,
)  # fmt: skip
LOAD = Load(
    seconds=10,
    room=Room(100, 3, 0),
    looks=Looks(0.1, (10,) * 100, (4,) * 100, (3,) * 100),
    whole=replace(WEB, database="", user="", application=""),
    uses=(WEB,),
    work=(Work("shop", 4000, 2, seconds=10.0),),
    calls=(Calls("app", "shop", 4000, 40_000, 4000 * 2 * 10.0**2),),
    connect_ms=5.0,
)
PLAN = derive(PoolInputs(requests_per_second=400, hold_time_ms=10, cpus=4))
POOL = Pool(
    "shop", "app", "transaction", clients_waiting=0, servers_active=300, most_active=4,
    servers=400,
)  # fmt: skip
POOLER = PoolerLoad(
    Bouncer((1, 25, 2)),
    Pools((POOL,), (3,) * 100, (0,) * 100, 0.1),
    (Traffic("shop", datetime(2026, 11, 29, tzinfo=UTC), 4000, 4000, 50_000, 10_000, seconds=10),),
    (Entry("shop", "db", 5432, "shop", pool_size=4),),
    10,
)


def found(name: str, *facts: object) -> list[Finding]:
    return CHECKS[f"pool.{name}"](*facts)


def using(**changes: object) -> Load:
    one = replace(WEB, **changes)  # type: ignore[arg-type]
    return replace(LOAD, uses=(one,), whole=replace(one, database="", user="", application=""))


@pytest.mark.parametrize("check", OF_LOADS, ids=lambda check: check.name)
def test_a_healthy_load_has_no_finding(check: Check) -> None:
    facts = {"plan": PLAN, "load": LOAD, "pooler": POOLER}
    assert check(*(facts[name] for name in check.needs)) == []


@pytest.mark.parametrize("check", OF_LOADS, ids=lambda check: check.name)
def test_nothing_seen_has_no_finding(check: Check) -> None:
    nothing = Load(0, LOAD.room)
    facts = {
        "plan": PLAN,
        "load": nothing,
        "pooler": PoolerLoad(Bouncer((0, 0, 0)), Pools(), (), ()),
    }
    assert check(*(facts[name] for name in check.needs)) == []


@pytest.mark.parametrize("name", ["held-by-clients", "held-by-locks", "larger-than-used"])
def test_one_look_may_be_chance(name: str) -> None:
    one = replace(using(client=400, lock=400, most_held=1), looks=Looks(0, (10,), (4,), (0,)))
    assert found(name, one) == []


def test_held_by_clients() -> None:
    (finding,) = found("held-by-clients", using(client=120, cpu=280))
    assert "30.0 %" in finding.message
    assert finding.subject == "web, app in shop"
    assert found("held-by-clients", using(client=119, cpu=281)) == []
    assert found("held-by-clients", using(held=99, client=99, cpu=0)) == []  # 0.99 connections
    assert found("held-by-clients", using(client=150, cpu=250, stuck=1)) == []


def test_transaction_left_open() -> None:
    stuck = using(stuck=2, idle_in_transaction_ms=599_000)
    (finding,) = found("transaction-left-open", stuck)
    assert finding.level is Level.warning
    assert "2 connections" in finding.message
    (finding,) = found("transaction-left-open", using(stuck=1, idle_in_transaction_ms=600_000))
    assert finding.level is Level.critical
    check = CHECKS["pool.transaction-left-open"]
    _, missing = check.attempt([replace(stuck, seconds=1.9)], {})
    assert isinstance(missing, Unavailable)


def test_larger_than_used() -> None:
    assert found("larger-than-used", using(most_held=4)) == []
    (finding,) = found("larger-than-used", using(most_held=3, unused=5))
    assert "10 connections are kept, at most 3" in finding.message
    assert found("larger-than-used", replace(using(most_held=3), seconds=9)) == []
    assert found("larger-than-used", using(most_held=3, connections=999)) == []


def test_connections_not_reused() -> None:
    def level(sessions: float, transactions: float = 400) -> Level | None:
        work = (Work("shop", transactions, sessions, seconds=10.0),)
        said = found("connections-not-reused", replace(LOAD, work=work))
        return said[0].level if said else None

    assert level(99) is Level.info  # 9.9 a second × 5 ms
    assert level(100) is Level.warning
    assert level(9, 9) is None
    assert level(79) is None  # more than five transactions each
    assert found("connections-not-reused", replace(LOAD, work=(Work("shop", 400),))) == []


def test_pooler_missing() -> None:
    many = replace(LOAD, looks=Looks(0.1, (20,) * 100, (5,) * 100, (1,) * 100))
    (finding,) = found("pooler-missing", PLAN, many)
    assert finding.level is Level.info
    assert "20 connections are kept and 75.0 % of them idle" in finding.message
    crowded = replace(many, looks=replace(many.looks, connections=(50,) * 100))
    assert found("pooler-missing", PLAN, crowded)[0].level is Level.warning
    assert found("pooler-missing", PLAN, replace(many, pooled=True)) == []
    busy = replace(many, looks=replace(many.looks, held=(6,) * 100))
    assert found("pooler-missing", PLAN, busy) == []
    bursts = replace(many, looks=replace(many.looks, held=(0,) * 99 + (20,)))
    assert found("pooler-missing", PLAN, bursts) == []
    churn = replace(LOAD, work=(Work("shop", 400, 100, seconds=10.0),))
    (finding,) = found("pooler-missing", PLAN, churn)
    assert "10 connections are opened a second" in finding.message


def keeping(**changes: int) -> PoolerLoad:
    one = Application("shop", "app", "web", **{"clients": 20, "unused": 16, **changes})
    return replace(POOLER, applications=(one,))


def test_clients_unused() -> None:
    (finding,) = found("clients-unused", keeping())
    assert "16 of 20 connections to PgBouncer (80.0 %)" in finding.message
    assert found("clients-unused", keeping(unused=15)) == []
    assert found("clients-unused", keeping(clients=19, unused=19)) == []


def test_prepared_over_limit() -> None:
    def limited(most: str, **changes: int) -> PoolerLoad:
        bouncer = Bouncer((1, 25, 2), {"max_prepared_statements": most})
        return replace(keeping(**changes), bouncer=bouncer)

    (finding,) = found("prepared-over-limit", limited("200", most_prepared=201))
    assert finding.remedy.config == "max_prepared_statements = 201"
    assert found("prepared-over-limit", limited("200", most_prepared=200)) == []
    assert found("prepared-over-limit", limited("0", most_prepared=5)) == []
    assert found("prepared-over-limit", limited("200")) == []


def test_held_by_locks() -> None:
    (finding,) = found("held-by-locks", using(lock=100, cpu=200))
    assert "1 of 4 held" in finding.message
    assert found("held-by-locks", using(lock=99, cpu=201)) == []
    assert found("held-by-locks", using(held=600, lock=119, cpu=381)) == []


def test_sessions_that_take_turns_at_a_lock_get_a_pool_of_their_own() -> None:
    stuck = using(lock=300, cpu=100)
    (finding,) = found("held-by-locks", stuck)
    assert "pool of" not in finding.remedy.text
    (finding,) = found("held-by-locks", replace(stuck, turns=Turns(5, 1.0, 1.0)))
    assert "; 2 keep it as busy" in finding.message
    assert "a pool of 2 of their own" in finding.remedy.text
    assert finding.evidence["turns_connections"] == 2
    (finding,) = found("held-by-locks", replace(stuck, turns=Turns(5, 30.0, 1.0)))
    assert "pool of" not in finding.remedy.text  # no fewer than are held keep so many locks busy


def test_mixed_hold_times() -> None:
    def said(squares: float) -> list[Finding]:
        calls = (Calls("app", "shop", 100, 1000, squares),)
        return found("mixed-hold-times", replace(LOAD, calls=calls))

    assert said(100 * 21 * 10.0**2)[0].evidence["variance"] == pytest.approx(20)
    assert said(100 * 20.9 * 10.0**2) == []


def test_queue_behind_blocked() -> None:
    queued = replace(POOLER, pools=replace(POOLER.pools, waiting=(1,) * 100))
    blocked = using(lock=120, cpu=180)
    (finding,) = found("queue-behind-blocked", blocked, queued)
    assert "1 clients wait" in finding.message
    assert "30.0 % for locks" in finding.message
    assert found("queue-behind-blocked", blocked, POOLER) == []
    assert found("queue-behind-blocked", using(lock=0, client=119, cpu=281), queued) == []


def test_demand_cut_off() -> None:
    def said(plan: PoolPlan = PLAN, **changes: object) -> list[Finding]:
        pool = replace(POOL, **changes)  # type: ignore[arg-type]
        return found(
            "demand-cut-off", replace(POOLER, pools=replace(POOLER.pools, pools=(pool,))), plan
        )

    (finding,) = said(servers_active=380, clients_waiting=50)
    assert "95.0 % of its 4 connections" in finding.message
    assert "4.30" in finding.message
    assert said(servers_active=379, clients_waiting=50) == []
    assert said(servers_active=380, clients_waiting=49) == []
    assert said(servers_active=400, clients_waiting=500, mode="session") == []
    # Who waits would only queue for a lock.
    locks = derive(replace(PLAN.inputs, contended=Contended(2, 1)))
    assert said(locks, servers_active=400, clients_waiting=500) == []
