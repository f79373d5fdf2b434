"""Checks on MongoDB, of literals: what is wrong is found, and what is just below is not."""

from __future__ import annotations

from collections.abc import Mapping

from dbtune.finding import load_checks
from dbtune.mongo.facts.members import Member, Oplog, ReplicaSet
from dbtune.mongo.facts.profiling import Profiling
from dbtune.mongo.facts.status import Status

CHECKS = {one.name: one for one in load_checks("dbtune.mongo.health.checks")}


def of_status(rule: str, numbers: Mapping[str, float]) -> int:
    """How much a rule finds in a serverStatus."""
    return len(CHECKS[rule](Status(numbers, "8.0.1", 10.0, 0.0, user="u")))


def test_versions() -> None:
    rule = CHECKS["mongo.version-end-of-life"]
    new, old = (Status({}, version, 1.0, 0.0) for version in ("8.0.1", "5.0.3"))
    assert rule(new, as_of="2026-11-28") == []
    assert rule(old, as_of="2026-11-28")[0].level == 2
    assert rule(new, as_of="2029-10-01")[0].level == 1


def test_sets_that_are_not_whole() -> None:
    def rules(*members: Member, voting: int = 3) -> set[str]:
        named = ReplicaSet("rs", members, voting, 2)
        return {
            name for name, one in CHECKS.items() if one.needs == ("replica_set",) and one(named)
        }

    first, second = Member("a", "PRIMARY", True), Member("b", "SECONDARY", True, 0.5)
    assert rules(first, second, second) == set()
    assert rules(first, Member("b", "SECONDARY", True, 60.0), second) == {"mongo.secondary-lags"}
    assert rules(first, Member("b", "(not reachable/healthy)", False), second) == {
        "mongo.member-down"
    }
    assert rules(second, second, Member("c", "SECONDARY", True)) == {"mongo.no-primary"}
    assert rules(first, second, voting=2) == {"mongo.majority-fragile"}
    assert CHECKS["mongo.oplog-window-short"](Oplog(1e6, 900, 1000)) == []
    assert CHECKS["mongo.oplog-window-short"](Oplog(60, 900, 1000))[0].level == 3
    assert CHECKS["mongo.indexes-outweigh-data"]((Profiling("d", 0, 100, 1, 9, 10, 5, 10**9),))
    assert not CHECKS["mongo.indexes-outweigh-data"]((Profiling("d", 0, 100, 1, 9, 10, 5, 10),))


def test_numbers_of_server_status() -> None:
    cache, size = "wiredTiger.cache.", {"wiredTiger.cache.maximum bytes configured": 100}
    used = f"{cache}bytes currently in the cache"
    dirty = f"{cache}tracked dirty bytes in the cache"
    evicted = f"{cache}pages evicted by application threads"
    tickets = "wiredTiger.concurrentTransactions.read."
    for rule, bad, good in (
        ("connections-near-limit", {"connections.current": 90, "connections.available": 10},
         {"connections.current": 10, "connections.available": 90}),
        ("cache-nearly-full", size | {used: 95}, size | {used: 80}),
        ("cache-dirty", size | {dirty: 15}, size | {dirty: 5}),
        ("applications-evict-pages", {evicted: 1000}, {evicted: 5}),
        ("tickets-exhausted", {f"{tickets}totalTickets": 128, f"{tickets}available": 2},
         {f"{tickets}totalTickets": 128, f"{tickets}available": 100}),
        ("operations-queue", {"globalLock.currentQueue.total": 30}, {}),
        ("writes-conflict", {"metrics.operation.writeConflicts": 100, "opcounters.update": 200},
         {"metrics.operation.writeConflicts": 100, "opcounters.update": 20_000}),
        ("cursors-time-out", {"metrics.cursor.timedOut": 5}, {}),
        ("cursors-open", {"metrics.cursor.open.noTimeout": 500}, {"metrics.cursor.open.total": 9}),
        ("checkpoint-slow", {"wiredTiger.transaction.transaction checkpoint most recent time "
                             "(msecs)": 90_000}, {}),
        ("flow-control-active", {"flowControl.isLagged": 1}, {}),
    ):  # fmt: skip
        assert of_status(f"mongo.{rule}", bad) == 1, rule
        assert of_status(f"mongo.{rule}", good) == 0, rule
