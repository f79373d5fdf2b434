"""A real PgBouncer with the generated files: looks up passwords on real servers, holds a load."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
import pytest

from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.postgres.pgbouncer.pooler import (
    HAS_PREPARED_STATEMENTS,
    HAS_QUOTED_KEYS,
    Database,
    Pooler,
    Version,
)
from dbtune.postgres.pgbouncer_ini import generate
from tests import servers
from tests.servers import PgBouncer, Postgres

SMALL = PoolInputs(
    requests_per_second=100, hold_time_ms=20, cpus=4, max_connections=100, instances=2, workers=2
)
PASSWORD = "correct ' horse \" staple"


@dataclass
class World:
    """A server with two databases, an application role and one that looks up passwords."""

    pg: Postgres
    databases: tuple[str, str]
    app: str
    auth: str

    def pooler(self, version: Version | None) -> Pooler:
        """What to generate files for."""
        one, other = self.databases
        entries = (
            Database("app", self.pg.host, self.pg.port, one),
            Database("other", self.pg.host, self.pg.port, other),
        )
        return Pooler(databases=entries, version=version, auth_user=self.auth, request_seconds=6)


@contextmanager
def new_world(pg: Postgres) -> Iterator[World]:
    names = [f"{what}_{secrets.token_hex(4)}" for what in ("app", "auth")]
    with servers.fresh_database(pg) as one, servers.fresh_database(pg) as other:
        yield World(pg, (one, other), *names)
    for name in names:
        pg.psql(f'DROP ROLE IF EXISTS "{name}"')


@pytest.fixture
def world(any_pg: Postgres) -> Iterator[World]:
    """On every supported version of PostgreSQL."""
    with new_world(any_pg) as made:
        yield made


@pytest.fixture
def world18(pg18: Postgres) -> Iterator[World]:
    """On PostgreSQL 18."""
    with new_world(pg18) as made:
        yield made


def start(
    world: World,
    bouncer: PgBouncer,
    version: Version | None,
    inputs: PoolInputs = SMALL,
) -> dict[str, str]:
    """Do what the files say: run the SQL, give passwords, fill in userlist.txt, start."""
    pg = world.pg
    report = generate(derive(replace(inputs, databases=2)), world.pooler(version))
    files = {one.filename: one.text for one in report.artifacts}
    for database in world.databases:
        pg.psql(files["pgbouncer-auth.sql"], database)
    literal = PASSWORD.replace("'", "''")
    pg.psql(
        "SET password_encryption = 'scram-sha-256';"
        f"ALTER ROLE \"{world.auth}\" PASSWORD '{literal}';"
        f"CREATE ROLE \"{world.app}\" LOGIN PASSWORD '{literal}'"
    )
    password = PASSWORD.replace('"', '""')
    empty = f'"{world.auth}" ""'
    assert empty in files["userlist.txt"]
    userlist = files["userlist.txt"].replace(empty, f'"{world.auth}" "{password}"')
    # The test's own way into the admin console; a second user who is not looked up.
    userlist += f'"{pg.superuser}" "{pg.password}"\n'
    ini = files["pgbouncer.ini"] + f"\nstats_users = {pg.superuser}\n"
    bouncer.start(ini, userlist)
    return files


def connect(world: World, bouncer: PgBouncer, name: str = "app") -> servers.Connection:
    dsn = bouncer.dsn(name, world.app, PASSWORD)
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)


@pytest.mark.parametrize("known", [True, False], ids=["version told", "version unknown"])
def test_passwords_are_looked_up(
    world: World, pgbouncer: Callable[[], PgBouncer], known: bool
) -> None:
    bouncer = pgbouncer()
    start(world, bouncer, servers.pgbouncer_version() if known else None)
    for name, database in zip(("app", "other"), world.databases, strict=True):
        with connect(world, bouncer, name) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()
            assert row == (world.app, database)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(bouncer.dsn("app", world.app, "wrong"))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(bouncer.dsn("app", "nobody", "x"))


def test_expired_passwords_and_superusers_stay_out(
    world: World, pgbouncer: Callable[[], PgBouncer]
) -> None:
    bouncer = pgbouncer()
    start(world, bouncer, servers.pgbouncer_version())
    world.pg.psql(f"ALTER ROLE \"{world.app}\" VALID UNTIL '2000-01-01'")
    with pytest.raises(psycopg.OperationalError):
        connect(world, bouncer)
    world.pg.psql(f"ALTER ROLE \"{world.app}\" VALID UNTIL 'infinity' SUPERUSER")
    with pytest.raises(psycopg.OperationalError):
        connect(world, bouncer)
    world.pg.psql(f'ALTER ROLE "{world.app}" NOSUPERUSER')
    connect(world, bouncer).close()


def test_the_looking_up_role_may_do_nothing_else(
    world: World, pgbouncer: Callable[[], PgBouncer]
) -> None:
    start(world, pgbouncer(), servers.pgbouncer_version())
    dsn = world.pg.dsn(world.databases[0], world.auth, PASSWORD)
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT password FROM pgbouncer.user_lookup(%s)"
        row = connection.execute(query, [world.app]).fetchone()
        assert row is not None
        assert row[0].startswith("SCRAM-SHA-256$")
        assert connection.execute(query, [world.pg.superuser]).fetchone() is None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT rolpassword FROM pg_authid")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE pgbouncer.x ()")
    app = psycopg.connect(world.pg.dsn(world.databases[0], world.app, PASSWORD), autocommit=True)
    with app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT pgbouncer.user_lookup('x')")


def test_every_setting_counts_and_none_is_complained_about(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    bouncer = pgbouncer()
    pooler = Pooler(
        databases=(Database("app", pg18.host, pg18.port),), version=servers.pgbouncer_version()
    )
    report = generate(derive(SMALL), pooler)
    text = report.artifacts[0].text.replace(
        "[pgbouncer]\n", f"[pgbouncer]\nstats_users = {pg18.superuser}\n"
    )
    bouncer.start(text, f'"{pg18.superuser}" "{pg18.password}"\n')
    assert not re.search(r"WARNING|ERROR|FATAL", bouncer.log()), bouncer.log()
    running = {row["key"]: row["value"] for row in bouncer.show("CONFIG")}
    # Where it listens and lies is the test's.
    ours = {"listen_addr", "listen_port", "unix_socket_dir", "auth_file", "logfile", "pidfile"}
    wanted = {
        str(row["setting"]): str(row["value"])
        for row in report.tables[1].rows
        if row["section"] == "pgbouncer"
    }
    different = {
        name: (value, running.get(name))
        for name, value in wanted.items()
        if name not in ours and _number(running.get(name, "")) != _number(value)
    }
    assert different == {}


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.parametrize(
    "inputs",
    [
        PoolInputs(cpus=1),
        PoolInputs(cpus=64, wait_share=0.9),
        PoolInputs(requests_per_second=1, hold_time_ms=1),
        PoolInputs(requests_per_second=20_000, hold_time_ms=50, instances=300, workers=16),
        replace(SMALL, max_connections=12),
        replace(SMALL, users=5, poolers=3),
    ],
)
@pytest.mark.parametrize("version", [None, "installed"])
def test_starts_for_any_plan(
    pgbouncer: Callable[[], PgBouncer], inputs: PoolInputs, version: str | None
) -> None:
    bouncer = pgbouncer()
    told = servers.pgbouncer_version() if version else None
    report = generate(derive(inputs), Pooler(databases=(Database("app"),), version=told))
    bouncer.start(report.artifacts[0].text)
    assert not re.search(r"ERROR|FATAL", bouncer.log()), bouncer.log()


def test_hostile_names_reach_the_right_database(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    name = 'o\'dd "db" %include; [x] = {y}'
    pg18.psql('CREATE DATABASE "' + name.replace('"', '""') + '"')
    try:
        bouncer = pgbouncer()
        entry = Database("plain", pg18.host, pg18.port, name)
        report = generate(derive(SMALL), Pooler(databases=(entry,)))
        user = f'"{pg18.superuser}" "{pg18.password}"\n'
        bouncer.start(report.artifacts[0].text, user)
        with psycopg.connect(bouncer.dsn("plain")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (name,)
    finally:
        pg18.psql('DROP DATABASE "' + name.replace('"', '""') + '" WITH (FORCE)')


def test_quoted_names_where_pgbouncer_knows_them(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    bouncer = pgbouncer()
    entry = Database("my db", pg18.host, pg18.port, "postgres")
    pooler = Pooler(databases=(entry,), version=HAS_QUOTED_KEYS)
    ini = generate(derive(SMALL), pooler).artifacts[0].text
    user = f'"{pg18.superuser}" "{pg18.password}"\n'
    if servers.pgbouncer_version() < HAS_QUOTED_KEYS:
        # So it is refused for these versions: PgBouncer's documentation says otherwise.
        with pytest.raises(servers.ServerFailed, match="syntax error"):
            bouncer.start(f"[databases]\n'my db' = host={pg18.host}\n[pgbouncer]\n", user)
        with pytest.raises(servers.ServerFailed, match="syntax error"):
            bouncer.start(f'[databases]\n"my db" = host={pg18.host}\n[pgbouncer]\n', user)
        return
    bouncer.start(ini, user)
    psycopg.connect(bouncer.dsn("my db")).close()


def test_a_load_stays_within_the_pool_and_logins_go_on(
    world18: World, pgbouncer: Callable[[], PgBouncer]
) -> None:
    world = world18
    bouncer = pgbouncer()
    inputs = replace(SMALL, requests_per_second=40, cpus=0.5, wait_share=0.9)
    size = derive(replace(inputs, databases=2)).pool_size
    assert size is not None
    start(world, bouncer, servers.pgbouncer_version(), inputs)
    enough = threading.Event()
    served: set[int] = set()
    failures: list[BaseException] = []
    most = [0]

    def client(number: int) -> None:
        try:
            with connect(world, bouncer) as connection:
                while not enough.is_set():
                    connection.execute("SELECT pg_sleep(0.01)")
                    served.add(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4 * size)]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    while time.monotonic() < begun + 2 or (
        (len(served) < len(threads) or most[0] < size) and time.monotonic() < begun + 120
    ):
        with psycopg.connect(
            bouncer.admin_dsn, autocommit=True, row_factory=psycopg.rows.dict_row
        ) as admin:
            for row in admin.execute("SHOW POOLS").fetchall():
                if row["database"] == "app" and row["user"] == world.app:
                    most[0] = max(most[0], row["sv_active"] + row["sv_idle"])
        # While all connections are busy, another client still gets its password looked up.
        connect(world, bouncer).close()
        time.sleep(0.1)
    enough.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(served) == len(threads)
    reserve = derive(replace(inputs, databases=2)).reserve_pool_size or 0
    assert size <= most[0] <= size + reserve


def test_prepared_statements(world18: World, pgbouncer: Callable[[], PgBouncer]) -> None:
    bouncer = pgbouncer()
    start(world18, bouncer, servers.pgbouncer_version())
    dsn = bouncer.dsn("app", world18.app, PASSWORD)
    connections = [psycopg.connect(dsn, autocommit=True, prepare_threshold=0) for _ in range(6)]

    def use_them() -> None:
        for _ in range(20):
            for connection in connections:
                assert connection.execute("SELECT %s::int", [7]).fetchone() == (7,)

    if servers.pgbouncer_version() >= HAS_PREPARED_STATEMENTS:
        use_them()
    else:  # what the note about drivers is for
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            use_them()
    for connection in connections:
        connection.close()
