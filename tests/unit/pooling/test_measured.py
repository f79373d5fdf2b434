"""From an observed load to measured quantities, inputs and a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from dbtune.codec import dump
from dbtune.codec import load as undump
from dbtune.errors import UsageError
from dbtune.finding import Skipped
from dbtune.pooling.formulas import formulas
from dbtune.pooling.inputs import Contended, PoolInputs
from dbtune.pooling.limits import turns_cap
from dbtune.pooling.load import OTHERS, Calls, Load, Looks, Room, Turns, Use, Uses, Work
from dbtune.pooling.measured import balanced_of, contended_of, known_of, of_load, variance
from dbtune.pooling.observed import plan_on
from dbtune.pooling.pooler import Bouncer, Entry, Pool, PoolerLoad, Pools, Traffic
from dbtune.pooling.scenarios import scenarios
from dbtune.pooling.sizing import Constraint
from dbtune.postgres.load import turns_of

ROOM = Room(100, 3, 2)
HELD = (4, 5, 3, 4, 4, 4, 5, 3, 4, 4) * 20
WEB = Use(
    "shop", "app", "web", connections=2000, most_connections=10, held=800, most_held=5, cpu=200,
    other=600, on_cpu=200,
)  # fmt: skip
LOAD = Load(
    seconds=20,
    room=ROOM,
    looks=Looks(0.1, (10,) * 200, HELD, (1,) * 200),
    whole=replace(WEB, database="", user="", application=""),
    uses=(WEB,),
    work=(Work("shop", 4000, 10, 60_000, 20_000, 20.0),),
    calls=(Calls("app", "shop", 4000, 60_000, 4000 * (15**2 + 15**2)),),
    cpus=4,
    cpus_from="this machine",
)
SEEN_FEW = Looks(0.1, (10,) * 200, (0,) * 199 + (1,), (0,) * 200)


def test_rate_hold_time_and_waiting() -> None:
    found, skipped = of_load(LOAD)
    assert skipped == ()
    assert found["busy"].estimate.value == 4
    assert found["per_second"].estimate.value == 200
    assert found["hold_ms"].estimate.value == pytest.approx(20)  # 4 busy / 200 a second
    assert found["wait_share"].estimate.value == 0.75
    assert found["busy_peak"].estimate.value == 4
    assert found["variance"].estimate.value == pytest.approx(1)
    for quantity in found.values():
        low, high = quantity.estimate[1:]
        assert low is None or (low <= quantity.estimate.value and high is not None)


def test_a_transaction_that_nobody_ends_is_no_demand() -> None:
    leaks = replace(
        LOAD.looks, held=tuple(one + 3 for one in HELD), left_open=(3,) * len(HELD)
    )  # fmt: skip
    whole = replace(LOAD.whole, held=LOAD.whole.held + 600, client=600)
    leaking = replace(LOAD, looks=leaks, whole=whole)
    found, _ = of_load(leaking)
    plain, _ = of_load(LOAD)
    assert {name: one.estimate for name, one in found.items()} == {
        name: one.estimate for name, one in plain.items()
    }
    assert "without 3 left in a transaction" in found["busy"].source
    assert balanced_of(leaking, 4) == balanced_of(LOAD, 4)


def test_before_14_the_hold_time_comes_from_looks() -> None:
    work = (Work("shop", 4000, seconds=20.0),)
    found, skipped = of_load(replace(LOAD, work=work))
    assert found["hold_ms"].estimate.value == pytest.approx(20)
    assert skipped == ()


def test_hidden_sessions_leave_the_counters() -> None:
    found, (skipped,) = of_load(replace(LOAD, looks=replace(LOAD.looks, hidden=1)))
    assert found["hold_ms"].estimate.value == 20
    assert found["busy"].estimate.value == 4  # 80 s held in 20 s
    assert "busy_peak" not in found
    assert skipped.what == "share of waiting"
    assert "pg_read_all_stats" in skipped.remedy


def test_sessions_that_tell_nothing() -> None:
    _, (skipped,) = of_load(replace(LOAD, looks=replace(LOAD.looks, untracked=1)))
    assert "track_activities" in skipped.remedy


def test_few_observations_leave_the_counters() -> None:
    found, (skipped,) = of_load(replace(LOAD, looks=SEEN_FEW))
    assert "only 1 busy" in skipped.reason
    assert found["busy"].source == "pg_stat_database"
    assert found["hold_ms"].estimate.value == 20


def test_an_idle_server_has_no_demand() -> None:
    work = (Work("shop", 0, 0, 0, 0, 20.0),)
    looks = Looks(0.1, (3,) * 200, (0,) * 200, (0,) * 200)
    found, skipped = of_load(replace(LOAD, looks=looks, work=work, calls=()))
    assert found == {}
    assert [one.what for one in skipped] == ["share of waiting", "demand"]


def test_no_size_follows_from_a_rate_that_may_be_none() -> None:
    work = (Work("shop", 2, 0, 100, 0, 5.0),)
    looks = Looks(0.1, (3,) * 50, (0,) * 50, (0,) * 50)
    found, skipped = of_load(replace(LOAD, seconds=5, looks=looks, work=work, calls=()))
    assert found["per_second"].estimate.low == 0
    assert found["hold_ms"].estimate.value == 50
    assert known_of(found) == {}
    assert [one.what for one in skipped] == ["share of waiting", "demand"]
    assert "only 2 transactions were counted in 5.00 s" in skipped[1].reason


def test_a_reset_is_told_once() -> None:
    told = Skipped("demand", "the statistics were reset meanwhile; try again")
    found, skipped = of_load(replace(LOAD, work=(), calls=(), skipped=(told,)))
    assert "per_second" not in found
    assert skipped == (told,)


def test_counters_of_unknown_age_give_times_but_no_rate() -> None:
    work = (replace(LOAD.work[0], seconds=None),)
    found, skipped = of_load(
        replace(LOAD, seconds=0, looks=Looks(0, (10,), (4,), (1,)), work=work, calls=())
    )
    assert "per_second" not in found
    assert found["hold_ms"].estimate.value == 20
    assert any("since when" in one.reason for one in skipped)


def test_a_peak_needs_ten_seconds() -> None:
    short = Looks(0.1, (10,) * 50, HELD[:50], (1,) * 50)
    known = known_of(of_load(replace(LOAD, looks=short))[0])
    assert known["peak_factor"] == (2.0, "default for a measured mean")
    known = known_of(of_load(LOAD)[0])
    assert known["peak_factor"][1] == "the busiest second"
    PoolInputs(**{name: value for name, (value, _) in known.items()})


def test_statements_of_long_transactions_say_nothing_of_their_variance() -> None:
    many = (replace(LOAD.calls[0], calls=40_000, squares_ms2=40_000 * 450.0),)
    assert "variance" not in of_load(replace(LOAD, calls=many))[0]
    assert variance(replace(LOAD, calls=())) == 1


def test_the_plan_and_the_range_of_its_size() -> None:
    found = plan_on(PoolInputs(), {}, LOAD)
    assert found.plan.inputs.cpus == 4
    assert found.plan.inputs.max_connections == 100
    assert found.plan.pool_size is not None
    assert found.size_range is not None
    low, high = found.size_range
    assert low <= found.plan.pool_size <= high
    rough = replace(LOAD, looks=replace(LOAD.looks, held=tuple((n % 9) for n in range(200))))
    wide = plan_on(PoolInputs(), {}, rough).size_range
    assert wide is not None
    assert wide[1] - wide[0] >= high - low


def test_options_win_and_have_no_interval() -> None:
    given = PoolInputs(requests_per_second=500, origins={"requests_per_second": "--rps"})
    found = plan_on(given, {"cpus": (16, "profile prod")}, LOAD)
    assert found.plan.inputs.requests_per_second == 500
    assert found.plan.inputs.peak_factor == 1
    assert found.plan.inputs.cpus == 16
    assert found.size_range is None


def test_a_value_read_that_is_out_of_bounds_is_named() -> None:
    with pytest.raises(UsageError, match="pg_stat_database"):
        PoolInputs(hold_time_ms=1e12, origins={"hold_time_ms": "pg_stat_database"})


def test_a_load_survives_a_snapshot() -> None:
    assert undump(Load, dump(LOAD)) == LOAD


def test_uses_keep_bounded_room() -> None:
    uses = Uses(most=3)
    for look in range(4):
        uses.add(
            Use("d", "u", f"app {n} {look}", connections=2, most_connections=2, held=1, most_held=1)
            for n in range(5)
        )
    found = uses.all()
    assert len(found) <= 4
    assert sum(one.held for one in found) == 20
    assert OTHERS in {one.application for one in found}


def test_what_is_gone_is_not_unused() -> None:
    uses = Uses()
    uses.add([Use("d", "u", "a", connections=1, most_connections=1, unused=1, stuck=1)])
    uses.add([])
    assert [(one.unused, one.stuck) for one in uses.all()] == [(0, 0)]


def test_pools_are_of_a_database_and_a_user() -> None:
    cron = replace(WEB, application="cron", held=20, most_held=1)
    other = replace(WEB, user="report", held=900)
    pools = replace(LOAD, uses=(WEB, cron, other)).pools()
    assert [(one.user, one.held, one.most_held) for one in pools] == [
        ("report", 900, 5),
        ("app", 820, 6),
    ]


def looked(count: int, cpus: float, **kinds: int) -> Load:
    """A load whose looks all saw as many sessions of each kind."""
    held = sum(kinds.values())
    whole = Use("", "", "", held=held * count, **{kind: n * count for kind, n in kinds.items()})
    looks = Looks(0.1, (held,) * count, (held,) * count, (kinds.get("cpu", 0),) * count)
    return Load(10, Room(100, 3, 0), looks=looks, whole=whole, cpus=cpus)


def test_who_wants_a_cpu_when_all_are_taken_says_nothing_for_a_larger_pool() -> None:
    # 2 CPUs, 20 connections that want one; or of 40, 20 want one and 20 wait for something else.
    assert balanced_of(looked(50, 2, cpu=20), 2) == 2
    assert balanced_of(looked(50, 2, cpu=20, other=20), 2) == 22
    assert balanced_of(looked(50, 2, cpu=2, other=20), 2) == 22


def test_waits_that_are_shared_out_among_more_connections_count() -> None:
    assert balanced_of(looked(50, 2, cpu=1, io=5, client=4), 2) == 20
    assert balanced_of(looked(50, 2, other=20), 2) is None  # no CPU was used: no bound is seen
    assert balanced_of(looked(50, 2, cpu=1, other=999), 2) == pytest.approx(200)


def test_latches_that_many_wait_for_are_a_bound() -> None:
    assert balanced_of(looked(50, 2, io=2, cpu=1, latch=17), None) == pytest.approx(3)
    assert balanced_of(looked(50, 2, io=14, cpu=1, latch=5), None) is None  # a quarter
    # Who waits for locks adds nothing to what runs alone; whether they are a bound is seen there.
    assert balanced_of(looked(50, 2, io=2, cpu=1, lock=17), 2) == pytest.approx(6)


def contended(count: int = 10, holders: float = 1, moved: float = 1, **kinds: int) -> Load:
    return replace(looked(50, 2, **kinds), turns=Turns(count, holders, moved))


def test_sessions_that_take_turns_at_a_lock() -> None:
    assert contended_of(contended(io=1, client=2, lock=17)) == Contended(3, 1)
    assert contended_of(contended(io=1, client=1, latch=1, lock=17)) == Contended(2, 1)
    assert contended_of(contended(io=6, lock=14, holders=2.5)) == Contended(6, 2.5)
    assert contended_of(contended(io=1, lock=19, holders=3)) == Contended(
        3, 3
    )  # at least those that hold
    # Nobody seen holding one; hardly looked; always the same holder: an incident; few that wait.
    assert contended_of(looked(50, 2, io=1, lock=19)) is None
    assert contended_of(contended(count=2, io=1, lock=19)) is None
    assert contended_of(contended(moved=0.4, io=1, lock=19)) is None
    assert contended_of(contended(io=16, lock=4)) is None


def test_tpc_b_on_ten_branches_takes_turns() -> None:
    """At 30 % blocked a third was not reached: its cap was 153, where 20 were best (71 %)."""
    seen = contended(holders=3, io=2, client=12, lock=6)
    assert contended_of(seen) == Contended(14, 3)
    assert 12 <= turns_cap(Contended(14, 3)) <= 22


@pytest.mark.parametrize(
    ("working", "locks", "most"),
    [
        # Measured: connections that wait for no lock in a pool of 20 (and 10, 40: nearly as many),
        # and the sizes at which at least 95 % of the best throughput was reached.
        (1.17, 1, (2, 8)),  # 3 ms with the lock, nothing else
        (1.95, 1, (3, 11)),  # 3 ms before
        (2.8, 1, (4, 8)),  # 9 ms before
        (5.4, 1, (7, 12)),  # 30 ms before
        (2.2, 1, (5, 8)),  # TPC-B on one branch, on a disk
        (5.45, 2.7, (11, 20)),  # three rows
    ],
)
def test_the_derived_size_is_among_those_that_measured_best(
    working: float, locks: float, most: tuple[int, int]
) -> None:
    low, high = most
    assert low <= turns_cap(Contended(working, locks)) <= high


def test_who_holds_what_others_wait_for_is_followed_from_look_to_look() -> None:
    assert turns_of([]) == Turns()
    assert turns_of([frozenset({1})]) == Turns(1, 1, 0)
    assert turns_of([frozenset({1})] * 4) == Turns(4, 1, 0)
    assert turns_of([frozenset({n}) for n in range(4)]) == Turns(4, 1, 1)
    found = turns_of([frozenset({1, 2}), frozenset({1, 3}), frozenset({4, 5, 6})])
    assert found.holders == pytest.approx(7 / 3)
    assert found.moved == pytest.approx(4 / 5)


def test_a_pool_is_not_made_larger_by_those_that_block_each_other() -> None:
    blocked = replace(LOAD.whole, cpu=200, lock=600, other=0)
    plain, bound = (
        plan_on(PoolInputs(), {}, replace(LOAD, whole=whole, cpus=1.0)).plan.parallelism
        for whole in (LOAD.whole, blocked)
    )
    assert plain is not None
    assert bound is not None
    assert (plain.balanced, plain.cap) == (4, 6)
    assert (bound.balanced, bound.cap) == (1, 4)


def test_locks_cap_what_a_pool_may_have() -> None:
    entry = Entry("shop", "db", 5432, "shop", pool_size=4)
    whole = replace(LOAD.whole, cpu=100, lock=600, other=100)
    seen = replace(LOAD, whole=whole, turns=Turns(10, 1.0, 1.0))
    peak = PoolInputs(peak_factor=3, origins={"peak_factor": "--peak-factor"})
    found = plan_on(peak, {}, replace(seen, cpus=16.0)).plan
    assert found.parallelism is not None
    assert (found.parallelism.by_locks, found.parallelism.cap) == (True, 2)
    # No more than are held, and not what twice the load would need; no waits are foretold.
    assert found.constraint is Constraint.locks
    assert found.demand is not None
    assert (found.demand.busy_mean, found.demand.busy_peak) == (4, 12)
    assert (found.pool_size, found.wait, found.utilisation) == (5, None, None)
    (verdict, *_) = [one.verdict for one in scenarios(found)]
    assert verdict == "waits are for locks, whatever the size"
    assert all("never ends" not in one.remark for one in formulas(found))
    unknown = plan_on(PoolInputs(), {}, replace(seen, cpus=None)).plan.parallelism
    assert unknown is not None
    assert unknown.cap == 2
    # Behind a pool in front of which all wait already, nobody waits longer with fewer.
    pool = Pool("shop", "app", servers_active=800, clients_waiting=400)
    through = Traffic("shop", datetime(2026, 11, 29), 4000, 4000, 80_000, 0, seconds=20)
    full = PoolerLoad(Bouncer((1, 25, 2)), Pools((pool,), HELD, HELD), (through,), (entry,), 20)
    assert plan_on(PoolInputs(), {}, replace(seen, cpus=16.0), full).plan.pool_size == 2
    idle = replace(full, pools=Pools((replace(pool, clients_waiting=0),), HELD, HELD))
    assert plan_on(PoolInputs(), {}, replace(seen, cpus=16.0), idle).plan.pool_size == 5
    one_cpu = plan_on(PoolInputs(), {}, replace(seen, cpus=0.25)).plan.parallelism
    assert one_cpu is not None
    assert not one_cpu.by_locks
