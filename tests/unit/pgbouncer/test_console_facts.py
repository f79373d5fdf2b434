"""What the console's rows mean, whichever columns a version has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbtune.codec import dump
from dbtune.codec import load as undump
from dbtune.errors import Unavailable
from dbtune.pgbouncer.facts.clients import MOST_GROUPS, applications_of
from dbtune.pgbouncer.facts.entries import entries_of
from dbtune.pgbouncer.facts.pools import pools_of
from dbtune.pgbouncer.facts.servers import MOST_LENT, servers_of
from dbtune.pgbouncer.facts.servers import between as servers_between
from dbtune.pgbouncer.facts.traffic import between, traffic_of
from dbtune.pgbouncer.session import version_of
from dbtune.pooling.load import OTHERS
from dbtune.pooling.pooler import Application, Lent, Pools, Servers, Traffic

AT = datetime(2026, 11, 29, tzinfo=UTC)
# Columns by src/admin.c and src/stats.c of the releases.
POOL_1_12: dict[str, Any] = {
    "database": "shop",
    "user": "app",
    "cl_active": 5,
    "cl_waiting": 2,
    "sv_active": 3,
    "sv_idle": 1,
    "sv_used": 1,
    "sv_tested": 0,
    "sv_login": 1,
    "maxwait": 1,
    "maxwait_us": 500_000,
    "pool_mode": "transaction",
}
POOL_1_25 = {
    **POOL_1_12,
    "cl_active_cancel_req": 0,
    "cl_waiting_cancel_req": 0,
    "sv_active_cancel": 0,
    "sv_being_canceled": 1,
    "load_balance_hosts": None,
}
CONSOLE = {**POOL_1_12, "database": "pgbouncer", "user": "pgbouncer", "sv_active": 9}
STATS_1_12: dict[str, Any] = {
    "database": "shop",
    "total_xact_count": 1000,
    "total_query_count": 1500,
    "total_received": 1,
    "total_sent": 1,
    "total_xact_time": 30_000_000,
    "total_query_time": 9_000_000,
    "total_wait_time": 10_000_000,
    "avg_xact_count": 50,
}
STATS_1_25 = {**STATS_1_12, "total_client_login_count": 12, "total_server_assignment_count": 900}
DATABASE_1_12: dict[str, Any] = {
    "name": "shop",
    "host": "db",
    "port": 5432,
    "database": "shop_1",
    "force_user": None,
    "pool_size": 20,
    "reserve_pool": 3,
    "pool_mode": None,
    "max_connections": 0,
    "current_connections": 6,
    "paused": 0,
    "disabled": 1,
}
DATABASE_1_25 = {key: value for key, value in DATABASE_1_12.items() if key != "reserve_pool"} | {
    "reserve_pool_size": 3,
    "min_pool_size": 2,
    "server_lifetime": 3600,
    "max_client_connections": 0,
    "current_client_connections": 4,
    "host": None,
}


def client(asked: int, **more: Any) -> dict[str, Any]:
    """A row of ``SHOW CLIENTS`` of 1.18; the last request came so many seconds after the hour."""
    return {
        "type": "C", "user": "app", "database": "shop", "state": "active", "link": "",
        "connect_time": "2026-11-29 09:00:00 UTC", "application_name": "web",
        "request_time": f"2026-11-29 09:{asked // 60:02}:{asked % 60:02} UTC", **more,
    }  # fmt: skip


def test_clients_by_application() -> None:
    console = client(120, database="pgbouncer", user="stats")
    rows = [
        console, client(120, link="0x1"), client(10, link="0x2"), client(110, state="waiting"),
        client(60), client(61), client(0, application_name=None, state="waiting"),
    ]  # fmt: skip
    web, nameless = applications_of(rows)
    assert web == Application("shop", "app", "web", 5, 2, 1, 1, 60.0, None)
    assert (nameless.name, nameless.clients, nameless.unused) == ("", 1, 0)
    assert applications_of([console]) == ()
    assert undump(Application, dump(web)) == web
    (found,) = applications_of([client(1, prepared_statements=n) for n in (3, 250, 0)])
    assert found.most_prepared == 250


def test_more_applications_than_there_is_room_for_are_taken_together() -> None:
    found = applications_of([client(0, application_name=f"app{n}") for n in range(300)])
    assert len(found) == MOST_GROUPS + 1
    assert found[0].name == OTHERS
    assert sum(one.clients for one in found) == 300


@pytest.mark.parametrize(("row", "servers"), [(POOL_1_12, 6), (POOL_1_25, 7)])
def test_a_pool(row: dict[str, Any], servers: int) -> None:
    found = pools_of([row, CONSOLE])
    (pool,) = found.pools
    assert found.active == (3,)
    assert found.waiting == (2,)
    assert pool.servers == servers
    assert pool.servers_idle == 2
    assert pool.longest_wait_ms == 1500
    assert pool.starved_looks == 0


def test_looks_add_up() -> None:
    calm = {**POOL_1_12, "cl_waiting": 0, "sv_active": 1, "maxwait": 0, "maxwait_us": 0}
    other = {**POOL_1_12, "user": "report", "sv_active": 7}
    found = Pools().plus(pools_of([POOL_1_12])).plus(pools_of([calm, other]))
    assert found.active == (3, 8)
    assert found.waiting == (2, 2)
    assert [(one.user, one.servers_active, one.most_active) for one in found.pools] == [
        ("report", 7, 7),
        ("app", 4, 3),
    ]
    assert found.pools[1].most_waiting == 2
    assert undump(Pools, dump(found)) == found


def test_a_starved_pool() -> None:
    row = {**POOL_1_12, "sv_active": 0, "sv_idle": 0, "sv_used": 0}
    assert pools_of([row]).pools[0].starved_looks == 1


@pytest.mark.parametrize(("row", "logins"), [(STATS_1_12, None), (STATS_1_25, 12)])
def test_the_wait_is_no_part_of_the_time_that_a_connection_is_held(
    row: dict[str, Any], logins: float | None
) -> None:
    (found,) = traffic_of([row, {**row, "database": "pgbouncer"}], AT)
    assert found.transaction_ms == 30_000
    assert found.wait_ms == 10_000
    assert found.held_ms == 20_000
    assert found.logins == logins
    assert undump(Traffic, dump(found)) == found


def test_before_1_8() -> None:
    with pytest.raises(Unavailable, match=r"1\.8"):
        traffic_of([{"database": "shop", "total_requests": 1}], AT)


def test_what_went_through_between_two_readings() -> None:
    first = traffic_of([STATS_1_25], AT)
    more = {"total_xact_count": 1600, "total_xact_time": 42_000_000, "total_wait_time": 13_000_000}
    late = {**STATS_1_25, **more}
    fresh = {**STATS_1_25, "database": "new"}
    passed, new = between(first, traffic_of([late, fresh], AT + timedelta(seconds=10)))
    assert (passed.transactions, passed.transaction_ms, passed.wait_ms) == (600, 12_000, 3000)
    assert passed.seconds == new.seconds == 10
    assert new.transactions == 1000
    (restarted,) = between(
        traffic_of([late], AT), traffic_of([STATS_1_25], AT + timedelta(seconds=10))
    )
    assert restarted.transactions == 1000


@pytest.mark.parametrize("row", [DATABASE_1_12, DATABASE_1_25])
def test_a_database(row: dict[str, Any]) -> None:
    (found,) = entries_of([row, {**row, "name": "pgbouncer"}])
    assert found.pool_size == 20
    assert found.reserve_pool_size == 3
    assert found.disabled
    assert not found.paused
    assert found.mode == ""


def test_versions() -> None:
    assert version_of("1.18.0/bouncer") == (1, 18, 0)
    assert version_of("PgBouncer 1.25.2") == (1, 25, 2)
    assert version_of("1.8/bouncer") == (1, 8, 0)
    assert version_of("") == (0, 0, 0)


# SHOW SERVERS and SHOW CLIENTS of 1.18; older ones lack application_name.
SERVER: dict[str, Any] = {
    "user": "app",
    "database": "shop",
    "connect_time": "2026-11-29 12:00:00 CET",
    "request_time": "2026-11-29 12:00:20 CET",
    "close_needed": 0,
    "link": "0xc",
    "remote_pid": 4711,
}
CLIENT: dict[str, Any] = {
    "ptr": "0xc",
    "addr": "10.0.0.1",
    "port": 999,
    "application_name": "web",
    "request_time": "2026-11-29 12:00:30 CET",
}


def test_servers() -> None:
    free = SERVER | {"link": "", "connect_time": "2026-11-29 12:00:25 CET"}
    closing = SERVER | {"link": "0xd", "remote_pid": 5, "close_needed": 1}
    seen = servers_of([SERVER, free, closing], [CLIENT])
    assert seen.ages_seconds == (5, 30, 30)
    last, first = seen.lent
    assert (last.pid, last.closing, last.client) == (5, True, "")  # whose client has just left
    assert first == Lent("shop", "app", 4711, "web", "10.0.0.1:999", 30, 10)
    assert len(servers_of([SERVER] * (MOST_LENT + 1), [CLIENT]).lent) == MOST_LENT
    old = {name: SERVER[name] for name in SERVER if name not in ("close_needed", "remote_pid")}
    (plain,) = servers_of([old], [CLIENT]).lent
    assert (plain.pid, plain.closing) == (0, False)
    later = servers_of([SERVER, free], [CLIENT | {"request_time": "2026-11-29 12:00:40 CET"}])
    passed = servers_between(seen, later)
    assert (passed.before, passed.kept, passed.seconds) == (3, 2, 10)
    anew = servers_of([free], [CLIENT | {"request_time": "2026-11-29 12:00:40 CET"}])
    assert servers_between(servers_of([SERVER], [CLIENT]), anew).kept == 1  # 15 s old
    assert undump(Servers, dump(passed)) == passed
