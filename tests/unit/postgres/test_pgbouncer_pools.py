"""Several databases, replicas and pools apart: sizes by load, and a sum that the server holds."""

from __future__ import annotations

import configparser
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.postgres.facts.connections import Connections, Group
from dbtune.postgres.facts.databases import Database as Counted
from dbtune.postgres.pgbouncer.entries import AUTH_CONNECTIONS, Layout, Purpose, layout
from dbtune.postgres.pgbouncer.measured import used_databases
from dbtune.postgres.pgbouncer.pooler import AUTH_ENTRY, Database, Form, Pooler
from dbtune.postgres.pgbouncer_ini import generate
from tests.unit.postgres.test_pgbouncer_ini import read_connection, read_ini

INPUTS = PoolInputs(
    requests_per_second=1000,
    hold_time_ms=20,
    max_connections=200,
    cpus=8,
    wait_share=0.7,
    instances=5,
    workers=4,
)
NEWEST = (1, 25)


def made(*databases: Database, inputs: PoolInputs = INPUTS, **values: Any) -> Layout:
    return layout(inputs, Pooler(databases=databases, version=NEWEST, **values))


def sizes(result: Layout) -> dict[str, int]:
    return {one.name: one.size for one in result.entries}


def test_more_load_gets_more_connections_but_a_small_pool_can_still_work() -> None:
    found = sizes(made(Database("app", share=9), Database("tiny")))
    assert found["app"] > 3 * found["tiny"]
    # 1,000/s * 20 ms = 20 busy, of which the tenth is 2: with less its queue would grow for ever.
    assert found["tiny"] > 2
    assert found["app"] > 18
    even = sizes(made(Database("app"), Database("tiny")))
    assert even["app"] == even["tiny"]
    assert sum(found.values()) <= sum(even.values())


def test_pools_apart_come_out_of_the_servers_connections() -> None:
    without = made(Database("app"))
    beside = made(Database("app"), admin=2, reports=3)
    assert sizes(beside)["app_admin"] == 2
    assert sizes(beside)["app_report"] == 3
    (room,), (more,) = without.rooms, beside.rooms
    assert more.most == room.most + 5
    assert more.allowed == 200 - 3 - 5 + AUTH_CONNECTIONS  # lookups are of the five for others


def test_reads_and_reports_go_to_replicas_and_each_holds_all_of_them() -> None:
    result = made(Database("app", "db", replicas=("r1", "r2")), reports=3, admin=1)
    entries = {one.name: one for one in result.entries}
    assert entries["app_ro"].hosts == entries["app_report"].hosts == ("r1", "r2")
    assert entries["app_admin"].hosts == ("db",)
    assert {room.server for room in result.rooms} == {("db", 5432), ("r1", 5432), ("r2", 5432)}
    for room in result.rooms[1:]:
        assert room.most == entries["app_ro"].cap + 3


def test_several_servers_have_each_its_own_sum() -> None:
    result = made(Database("a", "one"), Database("b", "two"))
    assert [room.server for room in result.rooms] == [("one", 5432), ("two", 5432)]
    assert AUTH_ENTRY not in sizes(result)  # each looks up its own


@pytest.mark.parametrize(
    ("databases", "values", "words"),
    [
        ((Database("app"), Database("app_ro"), Database("x")), {}, ""),
        ((Database("app", replicas=("r",)), Database("app_ro")), {}, "app_ro"),
        ((Database("app"), Database("app_admin")), {"admin": 1}, "app_admin"),
        ((Database("x" * 60),), {"reports": 1}, "63 bytes"),
        ((Database("app"),), {"admin": 190}, "no pool size works|max_connections"),
    ],
)
def test_names_and_sums_that_do_not_fit(
    databases: tuple[Database, ...], values: dict[str, Any], words: str
) -> None:
    if not words:
        made(*databases, **values)
        return
    with pytest.raises(UsageError, match=words):
        made(*databases, **values)


@pytest.mark.parametrize(
    "values",
    [
        {"tls_cert_file": "/a"},
        {"tls_key_file": "/a"},
        {"server_cert_file": "/a"},
        {"client_ca_file": "/a"},
        {"report_users": ("x",)},
        {"read_share": 0},
        {"admin": -1},
        {"reports": 5000},
        {"reports": 1, "report_seconds": 0},
        {"reports": 1, "report_users": ("a$b",)},
        {"tls_cert_file": "/a\nb", "tls_key_file": "/a"},
    ],
)
def test_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Pooler(databases=(Database("app"),), **values)


@pytest.mark.parametrize(
    "values", [{"share": 0}, {"share": -1}, {"replicas": ("a", "a")}, {"replicas": ("127.0.0.1",)}]
)
def test_databases_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Database("app", **values)


def test_a_report_ends_where_the_version_can_end_it() -> None:
    pooler = Pooler(databases=(Database("app"),), reports=2, report_users=("analyst",))
    for version, users in ((None, None), (NEWEST, {"analyst": "query_timeout=600"})):
        report = generate(derive(INPUTS), replace(pooler, version=version))
        files = {one.filename: one.text for one in report.artifacts}
        assert read_ini(files["pgbouncer.ini"]).get("users") == users
        assert (
            "ALTER ROLE \"analyst\" SET statement_timeout = '600s'" in files["pgbouncer-auth.sql"]
        )


def test_tls() -> None:
    pooler = Pooler(
        databases=(Database("app"),),
        tls_cert_file="/etc/c.pem",
        tls_key_file="/etc/k.pem",
        client_ca_file="/etc/ca.pem",
        server_ca_file="/etc/s.pem",
        server_cert_file="/etc/sc.pem",
        server_key_file="/etc/sk.pem",
    )
    found = read_ini(generate(derive(INPUTS), pooler).artifacts[0].text)["pgbouncer"]
    assert {name: value for name, value in found.items() if "tls" in name} == {
        "client_tls_sslmode": "verify-ca",
        "client_tls_cert_file": "/etc/c.pem",
        "client_tls_key_file": "/etc/k.pem",
        "client_tls_ca_file": "/etc/ca.pem",
        "server_tls_sslmode": "verify-full",
        "server_tls_ca_file": "/etc/s.pem",
        "server_tls_cert_file": "/etc/sc.pem",
        "server_tls_key_file": "/etc/sk.pem",
    }


def test_systemd_unit() -> None:
    pooler = Pooler(databases=(Database("app"),), form=Form.systemd, config_dir="/etc/p 100%")
    files = {one.filename: one.text for one in generate(derive(INPUTS), pooler).artifacts}
    unit = configparser.RawConfigParser()
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(files["pgbouncer.service"])
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command == ["/usr/sbin/pgbouncer", "/etc/p 100%%/pgbouncer.ini"]
    clients = int(read_ini(files["pgbouncer.ini"])["pgbouncer"]["max_client_conn"])
    assert int(unit["Service"]["LimitNOFILE"]) > clients
    # What systemd does: a process in the background or a log file would only be in its way.
    assert not {"logfile", "pidfile"} & read_ini(files["pgbouncer.ini"])["pgbouncer"].keys()


@pytest.mark.parametrize("version", [None, NEWEST])
def test_compose_file(version: tuple[int, int] | None) -> None:
    pooler = Pooler(
        databases=(Database("app", "db"),),
        version=version,
        form=Form.docker,
        listen_addr="*",
        tls_cert_file="/etc/c $x.pem",
        tls_key_file="/etc/k.pem",
    )
    files = {one.filename: one.text for one in generate(derive(INPUTS), pooler).artifacts}
    service = yaml.safe_load(files["docker-compose.yml"])["services"]["pgbouncer"]
    assert service["command"] == ["/usr/sbin/pgbouncer", "/etc/pgbouncer/pgbouncer.ini"]
    assert "/etc/c $$x.pem:/etc/c $$x.pem:ro" in service["volumes"]
    assert ("apt.postgresql.org" in service["build"]["dockerfile_inline"]) == (version == NEWEST)
    assert read_ini(files["pgbouncer.ini"])["pgbouncer"]["unix_socket_dir"] == ""


# -------------------------------------------------------------------------------- what is measured


def counted(name: str, held_ms: float | None, commits: float = 0) -> Counted:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Counted(name, at, commits, 0, 0, 0, 0, 0, 0, 0, active_ms=held_ms)


def test_databases_by_their_measured_load() -> None:
    groups = (Group("web", "shop", 9), Group("jobs", "shop", 2), Group("me", "postgres", 1))
    used = used_databases(
        [
            counted("", 0),
            counted("template1", 50),
            counted("postgres", 10),
            counted("shop", 900),
            counted("old", 0.1),
            counted("crm", 90),
        ],
        Connections(100, 3, groups),
        own=("me", "postgres"),
    )
    assert list(used.shares) == ["shop", "crm"]
    assert used.shares["shop"] == pytest.approx(0.9, abs=0.01)
    assert used.users == 2


def test_thirteen_counts_transactions_only() -> None:
    used = used_databases([counted("a", None, 300), counted("b", None, 100)], None)
    assert used.shares == {"a": 0.75, "b": 0.25}
    assert used.by == "transactions"
    assert used.users == 1


# ------------------------------------------------------------------------------------- any of them

names = st.lists(st.text("abcxyz", min_size=1, max_size=6), min_size=1, max_size=6, unique=True)


@st.composite
def poolers(draw: st.DrawFn) -> Pooler:
    """A random valid combination of databases, servers, replicas and pools apart."""
    hosts = st.sampled_from(["db1", "db2", "/run/pg"])
    replicas = st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=2, unique=True)
    databases = tuple(
        Database(
            name,
            draw(hosts),
            share=draw(st.one_of(st.just(1.0), st.floats(0.001, 1000))),
            replicas=tuple(draw(replicas)),
        )
        for name in draw(names)
    )
    return Pooler(
        databases=databases,
        version=draw(st.sampled_from([None, (1, 18), (1, 19), (1, 24), NEWEST])),
        admin=draw(st.integers(0, 5)),
        reports=draw(st.integers(0, 5)),
        read_share=draw(st.floats(0.01, 1)),
        form=draw(st.sampled_from(Form)),
    )


loads = st.builds(
    PoolInputs,
    requests_per_second=st.one_of(st.none(), st.floats(0.001, 20_000), st.floats(1e4, 1e6)),
    hold_time_ms=st.one_of(st.floats(0.01, 500), st.floats(500, 600_000)),
    cpus=st.one_of(st.none(), st.floats(0.5, 512)),
    wait_share=st.one_of(st.none(), st.floats(0, 0.95)),
    max_connections=st.one_of(st.none(), st.integers(20, 2000), st.integers(2000, 200_000)),
    superuser_reserved=st.integers(0, 5),
    reserved_connections=st.integers(0, 10),
    other_connections=st.integers(0, 20),
    poolers=st.integers(1, 3),
    users=st.integers(1, 4),
    instances=st.one_of(st.none(), st.integers(1, 50), st.just(10_000)),
)


@given(poolers(), loads)
def test_what_pgbouncer_opens_is_within_what_each_server_has(
    pooler: Pooler, inputs: PoolInputs
) -> None:
    """Counted anew from the file's own text: by host, most connections of each entry."""
    try:
        report = generate(derive(inputs), pooler)
    except UsageError:
        return  # said in one sentence that no size works
    sections = read_ini(report.artifacts[0].text)
    default = sections["pgbouncer"]["max_db_connections"]
    open_at: dict[tuple[str, str], int] = {}
    lookups: dict[tuple[str, str], int] = {}
    for name, text in sections["databases"].items():
        entry = read_connection(text)
        most = int(entry.get("max_db_connections", default))
        if name == AUTH_ENTRY:
            most = int(entry["pool_size"])
        size = int(entry.get("pool_size", sections["pgbouncer"]["default_pool_size"]))
        assert 1 <= size <= most
        for host in entry["host"].split(","):
            place = host, entry["port"]
            open_at[place] = open_at.get(place, 0) + most * inputs.poolers
            if name == AUTH_ENTRY or "auth_dbname" not in sections["pgbouncer"]:
                lookups[place] = lookups.get(place, 0) + AUTH_CONNECTIONS * inputs.poolers
    if inputs.max_connections is None:
        return
    reserved = inputs.superuser_reserved + inputs.reserved_connections
    for place, number in open_at.items():
        assert number <= inputs.max_connections - reserved
        # Those for others are kept, but for lookups, which are others'.
        free = inputs.max_connections - reserved - inputs.other_connections
        assert number - lookups.get(place, 0) <= free


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=8), loads)
def test_every_pool_can_keep_up_with_its_load(shares: list[float], inputs: PoolInputs) -> None:
    databases = tuple(Database(f"d{n}", share=share) for n, share in enumerate(shares))
    try:
        result = layout(inputs, Pooler(databases=databases, version=NEWEST))
    except UsageError:
        return
    demand = result.plan.demand
    application = [one for one in result.entries if one.purpose is Purpose.application]
    for one, share in zip(application, shares, strict=True):
        assert one.size >= 1
        if demand is not None:
            busy = demand.busy_peak * share / sum(shares) / inputs.poolers / inputs.users
            assert one.size > busy
