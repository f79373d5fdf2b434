"""Each check on a PgBouncer: fires, and is silent just below."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dbtune.finding import Finding, Level, load_checks
from dbtune.pooling.pooler import Bouncer, Entry, Lent, Pool, Pools, Servers, Traffic

CHECKS = {one.name: one for one in load_checks("dbtune.pgbouncer.health.checks")}
ENTRY = Entry("shop", "db", 5432, "shop", pool_size=4, connections=4)
FULL = Pool(
    "shop", "app", "transaction", clients_active=40, clients_waiting=20, most_waiting=5,
    servers_active=40, most_active=4, servers=40, longest_wait_ms=100,
)  # fmt: skip
LOOKS = Pools((FULL,), (4,) * 10, (2,) * 10)
SETTINGS = {"max_client_conn": "100", "query_wait_timeout": "15", "auth_type": "scram-sha-256"}
BOUNCER = Bouncer((1, 25, 2), SETTINGS, clients=79)
TRAFFIC = Traffic("shop", datetime(2026, 11, 29, tzinfo=UTC), 1000, 1000, 20_000, 4_999)


def found(name: str, *facts: object) -> list[Finding]:
    return CHECKS[f"pgbouncer.{name}"](*facts)


def of(pool: Pool) -> Pools:
    return replace(LOOKS, pools=(pool,))


def test_pool_exhausted() -> None:
    (finding,) = found("pool-exhausted", LOOKS, (ENTRY,))
    assert "2 clients wait for one of 4" in finding.message
    assert finding.level is Level.warning
    (finding,) = found("pool-exhausted", of(replace(FULL, longest_wait_ms=5000)), (ENTRY,))
    assert finding.level is Level.critical
    for calm in (
        replace(FULL, longest_wait_ms=99),
        replace(FULL, clients_waiting=4),
        replace(FULL, most_active=3),
    ):
        assert found("pool-exhausted", of(calm), (ENTRY,)) == []
    assert found("pool-exhausted", LOOKS, ()) == []


def test_servers_missing() -> None:
    starved = replace(FULL, servers_active=0, servers=0, starved_looks=10, longest_wait_ms=2000)
    (finding,) = found("servers-missing", of(starved))
    assert finding.level is Level.critical
    assert found("servers-missing", of(replace(starved, starved_looks=9))) == []
    login = replace(starved, longest_wait_ms=0)
    (finding,) = found("servers-missing", of(login))
    assert "not logged in yet" in finding.message
    nine = Pools((replace(login, starved_looks=9),), (0,) * 9, (2,) * 9)
    assert found("servers-missing", nine) == []
    assert found("servers-missing", Pools()) == []


def test_clients_near_limit() -> None:
    assert found("clients-near-limit", BOUNCER) == []
    (finding,) = found("clients-near-limit", replace(BOUNCER, clients=80))
    assert finding.level is Level.warning
    assert "max_client_conn = 200" in finding.remedy.config
    (finding,) = found("clients-near-limit", replace(BOUNCER, clients=95))
    assert finding.level is Level.critical
    assert found("clients-near-limit", replace(BOUNCER, settings={})) == []


def test_database_limit_reached() -> None:
    two = replace(LOOKS, pools=(FULL, replace(FULL, user="report")))
    full = replace(ENTRY, max_connections=4)
    (finding,) = found("database-limit-reached", (full,), two)
    assert "2 users" in finding.message
    assert found("database-limit-reached", (full,), LOOKS) == []  # one user: pool-exhausted
    assert found("database-limit-reached", (replace(full, connections=3),), two) == []
    assert found("database-limit-reached", (ENTRY,), two) == []


def test_database_paused() -> None:
    assert found("database-paused", (ENTRY,)) == []
    hostile = replace(ENTRY, name='a"b', paused=True)
    (finding,) = found("database-paused", (hostile,))
    assert finding.remedy.sql == 'RESUME "a""b";'
    (finding,) = found("database-paused", (replace(ENTRY, disabled=True),))
    assert finding.remedy.sql.startswith("ENABLE")


def test_waits_outweigh_work() -> None:
    assert found("waits-outweigh-work", (TRAFFIC,)) == []  # 4.999 ms
    (finding,) = found("waits-outweigh-work", (replace(TRAFFIC, wait_ms=10_000),))
    assert "waits 10.0 ms for a connection and holds it 10.0 ms" in finding.message
    assert found("waits-outweigh-work", (replace(TRAFFIC, wait_ms=6000),)) == []  # 6 of 14
    assert found("waits-outweigh-work", (replace(TRAFFIC, wait_ms=990, transactions=99),)) == []


@pytest.mark.parametrize(
    ("version", "holes"),
    [
        ((1, 18, 0), 6),
        ((1, 24, 1), 5),
        ((1, 25, 1), 4),
        ((1, 25, 2), 0),
        ((2, 0, 0), 0),
        ((0, 0, 0), 0),
    ],
)
def test_version_vulnerable(version: tuple[int, int, int], holes: int) -> None:
    said = found("version-vulnerable", replace(BOUNCER, version=version))
    assert sum(one.message.count("CVE-") for one in said) == holes


def test_authentication_off() -> None:
    def level(kind: str, address: str) -> Level | None:
        settings = {**SETTINGS, "auth_type": kind, "listen_addr": address}
        said = found("authentication-off", replace(BOUNCER, settings=settings))
        return said[0].level if said else None

    assert level("any", "*") is Level.critical
    assert level("trust", "127.0.0.1") is Level.critical
    assert level("plain", "*") is Level.warning
    assert level("trust", "") is Level.info
    assert level("hba", "*") is None
    assert level("scram-sha-256", "*") is None


def test_queue_without_limit() -> None:
    def said(seconds: str) -> list[Finding]:
        settings = {**SETTINGS, "query_wait_timeout": seconds}
        return found("queue-without-limit", replace(BOUNCER, settings=settings))

    assert "without limit" in said("0")[0].message
    assert "120 s" in said("120")[0].message
    assert said("60") == []
    assert found("queue-without-limit", replace(BOUNCER, settings={})) == []


LENT = Lent("shop", "app", 4711, "web", "10.0.0.1:999", 100.0, 300.0)


def servers(*lent: Lent, **more: Any) -> Servers:
    return Servers(datetime(2026, 11, 29, tzinfo=UTC), lent=lent, **more)


def test_connection_held() -> None:
    other = replace(LENT, pid=5, silent_seconds=400.0)
    (finding,) = found("connection-held", servers(LENT, other), LOOKS)
    assert "2 server connections lent" in finding.message
    assert "process 5 on the server, client web at 10.0.0.1:999" in finding.message
    assert found("connection-held", servers(replace(LENT, silent_seconds=299.0)), LOOKS) == []
    assert found("connection-held", servers(LENT), of(replace(FULL, mode="session"))) == []


def test_close_pending() -> None:
    closing = replace(LENT, closing=True, silent_seconds=10.0)
    (finding,) = found("close-pending", servers(closing, LENT), LOOKS)
    assert finding.message.startswith("1 server connection to be closed")
    asking = servers(replace(closing, silent_seconds=9.0))
    assert found("close-pending", asking, LOOKS) == []
    assert found("close-pending", asking, of(replace(FULL, mode="session")))  # till it leaves
    assert found("close-pending", servers(LENT), LOOKS) == []


def test_lifetime_exceeded() -> None:
    short = replace(BOUNCER, settings={"server_lifetime": "40"})
    (finding,) = found("lifetime-exceeded", servers(LENT), short)
    assert "longer than 2 × server_lifetime (40.0 s); the oldest is 100 s old" in finding.message
    assert found("lifetime-exceeded", servers(replace(LENT, connected_seconds=80.0)), short) == []
    assert found("lifetime-exceeded", servers(LENT), BOUNCER) == []


def test_servers_not_kept() -> None:
    anew = servers(ages_seconds=(1.0,) * 4, before=5, kept=0, seconds=10.0)
    (finding,) = found("servers-not-kept", anew, BOUNCER)
    assert "of 5 server connections none was left after 10.0 s, and 4 are there" in finding.message
    for calm in (
        replace(anew, kept=1),
        replace(anew, before=2),
        replace(anew, ages_seconds=(1.0, 1.0)),  # idle ones went
        replace(anew, seconds=61.0),
        replace(anew, seconds=0.0, before=0),  # one look
    ):
        assert found("servers-not-kept", calm, BOUNCER) == []
