"""Pools apart, replicas, TLS and services: a real PgBouncer, a client through every pool."""

from __future__ import annotations

import configparser
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from dbtune.cli import run
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.postgres.pgbouncer.pooler import Database, Form, Pooler
from dbtune.postgres.pgbouncer_ini import generate
from tests import servers
from tests.servers import PgBouncer, Postgres
from tests.unit.postgres.test_pgbouncer_ini import read_connection, read_ini
from tests.unit.postgres.test_pgbouncer_pools import poolers

LOAD = PoolInputs(
    requests_per_second=100, hold_time_ms=20, cpus=4, max_connections=100, instances=2
)
PASSWORD = "s3cret ' \" word"
REPLICA = "127.0.0.2"


@dataclass
class World:
    """Two databases, an application's role, one for reports, one that looks up passwords."""

    pg: Postgres
    databases: tuple[str, str]
    app: str
    report: str
    auth: str

    def databases_behind(self, *replicas: str, host: str = "") -> tuple[Database, Database]:
        one, other = self.databases
        host = host or self.pg.host
        return (
            Database("app", host, self.pg.port, one, share=4, replicas=replicas),
            Database("crm", host, self.pg.port, other),
        )

    def start(self, pooler: Pooler, bouncer: PgBouncer) -> dict[str, str]:
        """Do what the files say, and start PgBouncer with them."""
        report = generate(derive(LOAD), pooler)
        files = {one.filename: one.text for one in report.artifacts}
        literal = PASSWORD.replace("'", "''")
        for role in (self.app, self.report):
            self.pg.psql(
                "SET password_encryption = 'scram-sha-256';"
                f"CREATE ROLE {role} LOGIN PASSWORD '{literal}'"
            )
        for database in self.databases:
            self.pg.psql(files["pgbouncer-auth.sql"], database)
        self.pg.psql(
            f"SET password_encryption = 'scram-sha-256';ALTER ROLE {self.auth} PASSWORD '{literal}'"
        )
        password = PASSWORD.replace('"', '""')
        empty = f'"{self.auth}" ""'
        assert empty in files["userlist.txt"]
        users = files["userlist.txt"].replace(empty, f'"{self.auth}" "{password}"')
        users += f'"{self.pg.superuser}" "{self.pg.password}"\n'
        ini = files["pgbouncer.ini"] + f"\nstats_users = {self.pg.superuser}\n"
        bouncer.start(ini, users)
        return files

    def connect(
        self, bouncer: PgBouncer, name: str, user: str = "", **options: str
    ) -> servers.Connection:
        dsn = bouncer.dsn(name, user or self.app, PASSWORD, **options)
        return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)


def new_world(pg: Postgres) -> Iterator[World]:
    roles = [f"{what}_{secrets.token_hex(4)}" for what in ("app", "report", "auth")]
    with servers.fresh_database(pg) as one, servers.fresh_database(pg) as other:
        yield World(pg, (one, other), *roles)
    for role in roles:
        pg.psql(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def world(any_pg: Postgres) -> Iterator[World]:
    """On every supported version."""
    yield from new_world(any_pg)


def test_a_client_gets_through_every_pool(world: World, pgbouncer: Callable[[], PgBouncer]) -> None:
    """Passwords are looked up, whichever pool; each has its own size and mode."""
    bouncer = pgbouncer()
    pooler = Pooler(
        databases=world.databases_behind(),
        version=servers.pgbouncer_version(),
        auth_user=world.auth,
        admin=2,
        reports=3,
        report_seconds=77,
        report_users=(world.report,),
    )
    files = world.start(pooler, bouncer)
    entries = read_ini(files["pgbouncer.ini"])["databases"]
    for name in ("app", "crm", "app_admin", "crm_admin", "app_report", "crm_report"):
        wanted = world.databases[name.startswith("crm")]
        with world.connect(bouncer, name) as connection:
            found = connection.execute("SELECT current_user, current_database()").fetchone()
            assert found == (world.app, wanted)
    running = {row["name"]: row for row in bouncer.show("DATABASES")}
    default = read_ini(files["pgbouncer.ini"])["pgbouncer"]
    for name, text in entries.items():
        entry = read_connection(text)
        assert running[name]["pool_size"] == int(
            entry.get("pool_size", default["default_pool_size"])
        )
        mode = running[name]["pool_mode"] or default["pool_mode"]
        assert mode == entry.get("pool_mode", "transaction")
        if "max_db_connections" in entry:
            assert running[name]["max_connections"] == int(entry["max_db_connections"])
    with world.connect(bouncer, "app_report", world.report) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("77s",)
    # In a session pool what outlives a transaction holds; the next client starts afresh.
    with world.connect(bouncer, "app_admin") as connection:
        connection.execute("SET work_mem = '99MB'")
        connection.execute("CREATE TEMPORARY TABLE mine (x int)")
        assert connection.execute("SHOW work_mem").fetchone() == ("99MB",)
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)
    with world.connect(bouncer, "app_admin") as connection:
        assert connection.execute("SHOW work_mem").fetchone() != ("99MB",)


def test_reports_do_not_take_the_applications_connections(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    for world in new_world(pg18):
        bouncer = pgbouncer()
        version = servers.pgbouncer_version()
        pooler = Pooler(
            databases=world.databases_behind(), version=version, auth_user=world.auth, reports=2
        )
        world.start(pooler, bouncer)
        held = [world.connect(bouncer, "app_report") for _ in range(2)]
        for one in held:
            one.execute("BEGIN")
            one.execute("SELECT 1")
        with world.connect(bouncer, "app") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        pools = {(row["database"], row["user"]): row for row in bouncer.show("POOLS")}
        assert pools["app_report", world.app]["sv_active"] == 2
        for one in held:
            one.close()


def test_reads_are_answered_by_the_replica(
    pg: Callable[[int], Postgres], pgbouncer: Callable[[], PgBouncer]
) -> None:
    primary = pg(17 if 17 in servers.available_postgres() else 18)
    with primary.standby({"listen_addresses": REPLICA, "port": primary.port}) as standby:
        standby.port = primary.port
        for world in new_world(primary):
            bouncer = pgbouncer()
            pooler = Pooler(
                databases=world.databases_behind(REPLICA),
                version=servers.pgbouncer_version(),
                auth_user=world.auth,
                admin=1,
                reports=1,
            )
            world.start(pooler, bouncer)
            primary.wait_for_standby(standby)
            seen = {}
            for name in ("app", "app_ro", "app_report", "app_admin", "crm", "crm_report"):
                with world.connect(bouncer, name) as connection:
                    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                    assert row is not None
                    seen[name] = row[0]
            assert seen == {
                "app": False,
                "app_ro": True,
                "app_report": True,
                "app_admin": False,
                "crm": False,
                "crm_report": False,
            }


def test_tls_on_both_sides(
    pg: Callable[[int], Postgres], pgbouncer: Callable[[], PgBouncer]
) -> None:
    version = next((n for n in (16, 17, 14, 15, 13) if _has_tls(n)), None)
    if version is None:
        pytest.skip("no build of PostgreSQL with TLS is installed")
    made = servers.certificate()
    with Postgres(version).start(tls=True) as server:
        for world in new_world(server):
            bouncer = pgbouncer()
            pooler = Pooler(
                databases=world.databases_behind(host="localhost"),
                version=servers.pgbouncer_version(),
                auth_user=world.auth,
                admin=1,
                tls_cert_file=str(made.cert),
                tls_key_file=str(made.key),
                server_ca_file=str(made.cert),
            )
            world.start(pooler, bouncer)
            checked = {"sslmode": "verify-full", "sslrootcert": str(made.cert)}
            for name in ("app", "crm", "app_admin"):
                with world.connect(bouncer, name, **checked) as connection:
                    assert connection.pgconn.ssl_in_use
                    # And the server's end of it.
                    found = connection.execute(
                        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                    ).fetchone()
                    assert found == (True,)
            with pytest.raises(psycopg.OperationalError, match=r"(?i)ssl|tls"):
                world.connect(bouncer, "app", sslmode="disable")


def test_a_client_without_a_certificate_stays_out(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer]
) -> None:
    made = servers.certificate()
    for world in new_world(pg18):
        bouncer = pgbouncer()
        pooler = Pooler(
            databases=world.databases_behind(),
            version=servers.pgbouncer_version(),
            auth_user=world.auth,
            tls_cert_file=str(made.cert),
            tls_key_file=str(made.key),
            client_ca_file=str(made.cert),
        )
        world.start(pooler, bouncer)
        with pytest.raises(psycopg.OperationalError):
            world.connect(bouncer, "app", sslmode="require")
        own = {"sslcert": str(made.cert), "sslkey": str(_readable(made.key))}
        world.connect(bouncer, "app", sslmode="require", **own).close()


def _readable(key: Path) -> Path:
    """libpq wants a key that belongs to whom it runs as."""
    copy = key.with_name("client.key")
    shutil.copyfile(key, copy)
    copy.chmod(0o600)
    return copy


def _has_tls(version: int) -> bool:
    build = servers.builds().get(version)
    return build is not None and build.tls


@pytest.mark.parametrize("form", [Form.systemd, Form.docker])
def test_what_a_service_starts_is_what_runs(
    pg18: Postgres, pgbouncer: Callable[[], PgBouncer], form: Form
) -> None:
    """Its own command, in the foreground and with no folder to write into."""
    bouncer = pgbouncer()
    pooler = Pooler(
        databases=(Database("app", pg18.host, pg18.port, "postgres"),),
        version=servers.pgbouncer_version(),
        form=form,
        config_dir=str(bouncer.folder),
    )
    files = {one.filename: one.text for one in generate(derive(LOAD), pooler).artifacts}
    bouncer.start(files["pgbouncer.ini"], f'"{pg18.superuser}" "{pg18.password}"\n')
    with psycopg.connect(bouncer.dsn("app")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    if form is Form.systemd:
        unit = configparser.RawConfigParser()
        unit.read_string(files["pgbouncer.service"])
        assert shlex.split(unit["Service"]["ExecStart"])[1] == f"{bouncer.folder}/pgbouncer.ini"
        _verify_unit(bouncer.folder, files["pgbouncer.service"])


def _verify_unit(folder: Path, text: str) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        return
    unit = folder / "pgbouncer.service"
    unit.write_text(text)
    done = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "pgbouncer" in line]
    assert not [line for line in ours if "Unknown" in line or "Failed to parse" in line], ours


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(poolers())
def test_any_combination_is_read_by_pgbouncer(
    pgbouncer: Callable[[], PgBouncer], pooler: Pooler
) -> None:
    """It starts, complains of nothing, and knows every entry with its own size."""
    told = servers.pgbouncer_version()
    if pooler.version is not None and pooler.version > told:
        return
    try:
        text = generate(derive(LOAD), pooler).artifacts[0].text
    except UsageError:
        return
    with PgBouncer() as bouncer:
        ini = text.replace("[pgbouncer]\n", "[pgbouncer]\nstats_users = postgres\n")
        bouncer.start(ini, f'"{bouncer.superuser}" "{bouncer.password}"\n')
        assert "ERROR" not in bouncer.log()
        sections = read_ini(text)
        running = {row["name"]: row for row in bouncer.show("DATABASES")}
        assert running.keys() - {"pgbouncer"} == sections["databases"].keys()
        for name, string in sections["databases"].items():
            entry = read_connection(string)
            size = entry.get("pool_size", sections["pgbouncer"]["default_pool_size"])
            assert running[name]["pool_size"] == int(size)


def test_databases_of_a_target_by_their_load(
    pg18: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with servers.fresh_database(pg18) as busy, psycopg.connect(pg18.dsn(busy)) as connection:
        connection.execute("SELECT 1")
        folder = tmp_path / "made"
        arguments = ["gen-config", "pgbouncer", pg18.dsn(), "--all-databases"]
        arguments += ["--interval", "0s", "--cpus", "2", "-o", str(folder)]
        assert run(arguments) == 0
    entries = read_ini((folder / "pgbouncer.ini").read_text())["databases"]
    assert read_connection(entries[busy])["dbname"] == busy
    captured = capsys.readouterr()
    assert f"{busy} 0.1%" in " ".join((captured.out + captured.err).split())


def test_a_name_that_no_file_can_hold_is_left_out_of_all(
    pg18: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pg18.psql('CREATE DATABASE "it\'s"')
    try:
        with psycopg.connect(pg18.dsn("it's")) as one, psycopg.connect(pg18.dsn()) as other:
            one.execute("SELECT 1")
            other.execute("SELECT 1")
            arguments = ["gen-config", "pgbouncer", pg18.dsn(), "--all-databases"]
            arguments += ["--interval", "0s", "--cpus", "2", "-o", str(tmp_path / "made")]
            assert run(arguments) == 0
        captured = capsys.readouterr()
        assert "left out: PgBouncer can't have the name" in " ".join(
            (captured.out + captured.err).split()
        )
        assert "postgres" in (tmp_path / "made/pgbouncer.ini").read_text()
    finally:
        pg18.psql('DROP DATABASE "it\'s" WITH (FORCE)')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--share", "app"], "NAME=NUMBER"),
        (["--database", "app", "--share", "ap=3"], "no such database"),
        (["--replica", "app"], "NAME=HOST"),
        (["--all-databases"], "TARGET"),
        (["--tls-cert", "/x"], "key"),
        (["--form", "podman"], "podman"),
        (["--report-user", "x"], "--reports"),
        (["--admin", "95", "--max-connections", "100"], "max_connections"),
    ],
)
def test_mistakes(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gen-config", "pgbouncer", "--cpus", "4", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in " ".join(captured.err.split())
