"""Checks on settings, access, versions and schema: set wrong, found, mended by the remedy, gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.command import dbtune
from tests.health import eventually, findings
from tests.servers import Postgres, fresh_database


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server whose settings may be changed; fsync is on, unlike on the shared ones."""
    from tests import servers
    from tests.conftest import missing

    if 15 not in servers.available_postgres():
        missing("PostgreSQL 15")
    with Postgres(15) as server:
        yield server.start({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})


def apply(server: Postgres, sql: str) -> None:
    for statement in sql.split(";\n"):
        if "ROLE" not in statement and "\\password" not in statement:
            server.psql(statement)


@pytest.mark.parametrize(
    ("rule", "setting", "bad"),
    [
        ("pg.fsync-off", "fsync", "off"),
        ("pg.full-page-writes-off", "full_page_writes", "off"),
        ("pg.autovacuum-off", "autovacuum", "off"),
        ("pg.counters-off", "track_counts", "off"),
        ("pg.damaged-pages-zeroed", "zero_damaged_pages", "on"),
        ("pg.commits-not-awaited", "synchronous_commit", "off"),
        ("pg.passwords-hashed-by-md5", "password_encryption", "md5"),
        ("pg.no-idle-transaction-limit", "idle_in_transaction_session_timeout", "0"),
        ("pg.incidents-not-logged", "log_lock_waits", "off"),
        ("pg.slow-statements-not-logged", "log_min_duration_statement", "-1"),
    ],
)
def test_switches(own: Postgres, rule: str, setting: str, bad: str) -> None:
    own.psql(f"ALTER SYSTEM SET {setting} = {bad}")
    own.reload()
    [found] = eventually(lambda: findings(own, rule), there=True)
    apply(own, found["remedy"]["sql"])
    assert eventually(lambda: findings(own, rule), there=False) == []
    own.psql("ALTER SYSTEM RESET ALL")
    own.reload()


def test_settings_that_wait_for_a_restart(own: Postgres) -> None:
    assert findings(own, "pg.restart-pending") == []
    own.psql("ALTER SYSTEM SET max_connections = 123")
    own.reload()
    [found] = eventually(lambda: findings(own, "pg.restart-pending"), there=True)
    assert found["subject"] == "max_connections"
    own.psql("ALTER SYSTEM RESET ALL")
    own.reload()
    assert eventually(lambda: findings(own, "pg.restart-pending"), there=False) == []


def test_memory_that_nobody_set(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start()
    server.write("test.conf", "")
    server.restart({"shared_buffers": "128MB"})
    assert len(findings(server, "pg.memory-never-set")) == 1
    server.psql("ALTER SYSTEM SET work_mem = '16MB'")
    server.reload()
    assert eventually(lambda: findings(server, "pg.memory-never-set"), there=False) == []


def asked(server: Postgres, rule: str, **profile: Any) -> list[dict[str, Any]]:
    """Findings with facts about the machine in the profile."""
    import tempfile

    import yaml

    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"profiles": {"here": {"url": "${TARGET_URL}", **profile}}}, file)
        file.flush()
        env = {"TARGET_URL": server.dsn(), "DBTUNE_CONFIG": file.name}
        made = dbtune("check", "here", "--only", rule, "--interval", "0s", "-f", "json", env=env)
    found: list[dict[str, Any]] = made.json["findings"]
    return found


def test_memory_and_storage_of_the_machine(own: Postgres) -> None:
    assert asked(own, "pg.memory-over-ram", ram="64GB") == []
    [found] = asked(own, "pg.memory-over-ram", ram="200MB")
    assert "200 MiB RAM (profile)" in found["message"]
    assert asked(own, "pg.memory-over-ram", ram="16MB")[0]["level"] == "critical"
    assert asked(own, "pg.random-page-cost-of-disks", storage="hdd") == []
    [found] = asked(own, "pg.random-page-cost-of-disks", storage="nvme")
    apply(own, found["remedy"]["sql"])
    assert (
        eventually(lambda: asked(own, "pg.random-page-cost-of-disks", storage="nvme"), there=False)
        == []
    )
    own.psql("ALTER SYSTEM RESET ALL")
    own.reload()


def test_checksums_and_tls(new_pg: Callable[[int], Postgres], own: Postgres) -> None:
    [found] = findings(own, "pg.checksums-off")  # 15's initdb makes none
    assert "pg_checksums --enable" in found["remedy"]["text"]
    assert findings(own, "pg.tls-off") == []  # it listens on this machine only
    server = new_pg(18).start()
    assert findings(server, "pg.checksums-off") == []
    server.configure({"listen_addresses": "*"})
    server.restart()
    assert len(findings(server, "pg.tls-off")) == 1


def test_statements_that_are_not_tracked(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"shared_preload_libraries": "pg_stat_statements"})
    [found] = findings(server, "pg.statements-not-tracked")
    server.psql(found["remedy"]["sql"])
    assert findings(server, "pg.statements-not-tracked") == []


def test_statements_that_are_not_tracked_beside_other_libraries(
    new_pg: Callable[[int], Postgres],
) -> None:
    server = new_pg(18).start(preload=("auto_explain", "pg_prewarm"))
    [found] = findings(server, "pg.statements-not-tracked")
    load, create = found["remedy"]["sql"].split("-- restart, then:\n")
    server.psql(load)
    kept = (server.data / "postgresql.auto.conf").read_text()
    assert "shared_preload_libraries = 'auto_explain, pg_prewarm, pg_stat_statements'" in kept
    assert create == "CREATE EXTENSION pg_stat_statements;"


def test_an_extension_that_was_not_updated(own: Postgres) -> None:
    with fresh_database(own) as name:
        own.psql("CREATE EXTENSION pg_stat_statements VERSION '1.7'", name)
        [found] = findings(own, "pg.extension-outdated", name)
        own.psql(found["remedy"]["sql"], name)
        assert findings(own, "pg.extension-outdated", name) == []


def test_a_collation_that_changed(own: Postgres) -> None:
    rule = "pg.collation-version-changed"
    with fresh_database(own) as name:
        assert findings(own, rule, name) == []
        own.psql('CREATE TABLE t (a text COLLATE "de-x-icu"); CREATE INDEX ON t (a)', name)
        own.psql("UPDATE pg_collation SET collversion = '1' WHERE collname = 'de-x-icu'", name)
        [found] = findings(own, rule, name)
        assert found["subject"] == "collation pg_catalog.de-x-icu"
        assert "used by 1 index" in found["message"]
        for statement in found["remedy"]["sql"].split("\n"):
            own.psql(statement, name)
        assert findings(own, rule, name) == []
    name = own.create_database("german", "LOCALE_PROVIDER icu ICU_LOCALE 'de' TEMPLATE template0")
    own.psql(f"UPDATE pg_database SET datcollversion = '1' WHERE datname = '{name}'", name)
    [found] = findings(own, rule, name)
    assert found["subject"] == "the database's default collation"
    for statement in found["remedy"]["sql"].split("\n"):
        own.psql(statement, name)
    assert findings(own, rule, name) == []
    own.drop_database(name)


def test_passwords(own: Postgres) -> None:
    own.psql("SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'x'")
    [found] = findings(own, "pg.passwords-not-scram")
    assert "old" in found["message"]
    own.psql("SET password_encryption = 'scram-sha-256'; ALTER ROLE old PASSWORD 'x'")
    assert findings(own, "pg.passwords-not-scram") == []
    own.psql("ALTER ROLE old VALID UNTIL '2001-01-01'")
    [found] = findings(own, "pg.password-expires")
    own.psql(found["remedy"]["sql"])
    assert findings(own, "pg.password-expires") == []
    own.psql("DROP ROLE old")


def test_superusers_at_work(own: Postgres) -> None:
    assert findings(own, "pg.superusers-at-work") == []
    with own.connect(), own.connect(), own.connect():
        [found] = findings(own, "pg.superusers-at-work")
    assert found["subject"] == "role postgres"


def test_pg_hba(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(16).start()
    path = server.data / "pg_hba.conf"
    before = path.read_text()
    path.write_text(before + "\nhost all all 0.0.0.0/0 trust\n")
    worst = findings(server, "pg.trust-authentication")[0]
    assert worst["level"] == "critical"
    assert "0.0.0.0" in worst["subject"]
    path.write_text(before + "\nhost all all nonsense\n")
    [found] = findings(server, "pg.hba-file-broken")
    assert found["level"] == "critical"
    path.write_text(before.replace("trust", "scram-sha-256"))
    assert findings(server, "pg.hba-file-broken") == []
    assert findings(server, "pg.trust-authentication") == []


def test_versions_without_a_server() -> None:
    # The date and the version decide; a server of last year cannot be had.
    from datetime import UTC, datetime
    from types import SimpleNamespace

    from dbtune.postgres.health.checks.minor_version_behind import minor_version_behind
    from dbtune.postgres.health.checks.version_end_of_life import version_end_of_life

    def server(version: int, day: str) -> Any:
        now = datetime.fromisoformat(day).replace(tzinfo=UTC)
        return SimpleNamespace(version=version, version_text=f"PostgreSQL {version}", now=now)

    assert version_end_of_life(server(180001, "2026-11-28")) == []
    assert version_end_of_life(server(150001, "2027-11-01"))[0].level == 1
    assert version_end_of_life(server(130023, "2026-11-28"))[0].level == 2
    assert version_end_of_life(server(110022, "2026-11-28"))[0].level == 2
    assert minor_version_behind(server(180006, "2026-11-28")) == []
    assert minor_version_behind(server(180005, "2026-11-28"))[0].level == 1
    assert minor_version_behind(server(180001, "2026-11-28"))[0].level == 2
    assert minor_version_behind(server(990001, "2026-11-28")) == []


def test_schema_flaws(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    rules = (
        "pg.constraint-not-validated", "pg.trigger-disabled", "pg.default-partition-has-rows",
        "pg.sequence-near-end", "pg.schema-open-to-all",
    )  # fmt: skip
    server.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    for rule in rules:
        assert findings(server, rule, name) == []
    server.psql(
        """
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE "odd name" (id serial, p int);
        ALTER TABLE "odd name" ADD CONSTRAINT fk FOREIGN KEY (p) REFERENCES parent NOT VALID;
        CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER tells AFTER INSERT ON parent EXECUTE FUNCTION nothing();
        ALTER TABLE parent DISABLE TRIGGER tells;
        CREATE TABLE parts (a int) PARTITION BY RANGE (a);
        CREATE TABLE rest PARTITION OF parts DEFAULT;
        INSERT INTO parts SELECT generate_series(1, 100);
        ANALYZE rest;
        SELECT setval('"odd name_id_seq"', 2000000000);
        CREATE SEQUENCE bouncing MAXVALUE 10 CYCLE;
        SELECT setval('bouncing', 10);
        GRANT CREATE ON SCHEMA public TO PUBLIC;
        """,
        name,
    )
    found = {rule: findings(server, rule, name) for rule in rules}
    assert [len(one) for one in found.values()] == [1] * len(rules)
    [sequence] = found["pg.sequence-near-end"]
    assert (
        "which feeds public.odd name.id (integer): 2,000,000,000 of 2,147,483,647"
        in (sequence["message"])
    )
    for rule in set(rules) - {"pg.default-partition-has-rows"}:
        server.psql(found[rule][0]["remedy"]["sql"], name)
        assert findings(server, rule, name) == [], rule


def test_tables(any_database: tuple[Postgres, str]) -> None:
    server, name = any_database
    limits: dict[str, dict[str, float]] = {
        "pg.table-without-primary-key": {"min_rows": 100},
        "pg.statistics-stale": {"min_rows": 100},
        "pg.vacuum-behind": {"min_rows": 100},
        "pg.autovacuum-off-for-table": {},
        "pg.large-table-read-whole": {"min_bytes": 8192, "min_scans": 2},
        "pg.replica-identity-full": {"min_changes": 100},
        "pg.fillfactor-full-but-updated": {"min_updates": 1000, "max_hot_ratio": 0.9},
    }
    for rule, thresholds in limits.items():
        assert findings(server, rule, name, limits=thresholds) == [], rule
    server.psql(
        """
        CREATE TABLE t (a int, b text) WITH (autovacuum_enabled = off);
        CREATE INDEX ON t (a); CREATE INDEX ON t (b);
        ALTER TABLE t REPLICA IDENTITY FULL;
        INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 5000) n;
        ANALYZE t;
        """,
        name,
    )
    server.psql("UPDATE t SET a = a + 1", name)
    server.psql(
        "SET enable_indexscan = off; SELECT sum(length(b)) FROM t; SELECT sum(a) FROM t", name
    )
    for rule, thresholds in limits.items():
        found = eventually(
            lambda rule=rule, few=thresholds: findings(server, rule, name, limits=few),  # type: ignore[misc]
            there=True,
        )
        assert [one["subject"] for one in found] == ["table public.t"], rule
    server.psql("ALTER TABLE t ADD PRIMARY KEY (b); ALTER TABLE t REPLICA IDENTITY DEFAULT", name)
    server.psql(
        "ALTER TABLE t RESET (autovacuum_enabled); ALTER TABLE t SET (fillfactor = 85)", name
    )
    server.psql("VACUUM ANALYZE t", name)
    for rule in set(limits) - {"pg.large-table-read-whole"}:
        assert (
            eventually(
                lambda rule=rule: findings(server, rule, name, limits=limits[rule]),  # type: ignore[misc]
                there=False,
            )
            == []
        ), rule


def test_a_table_that_was_never_analysed(database18: tuple[Postgres, str]) -> None:
    server, name = database18
    rule = "pg.table-never-analysed"
    server.psql("CREATE TABLE fresh AS SELECT md5(n::text) FROM generate_series(1, 30000) n", name)
    [found] = findings(server, rule, name)
    server.psql(found["remedy"]["sql"], name)
    assert findings(server, rule, name) == []


def test_workers_that_are_too_few(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"autovacuum": "off"})
    rule = "pg.many-tables-without-vacuum-workers"
    assert findings(server, rule) == []
    server.psql(
        "DO $$ BEGIN FOR i IN 1..20 LOOP EXECUTE format('CREATE TABLE t%s AS SELECT "
        "generate_series(1, 2000) AS a', i); EXECUTE format('UPDATE t%s SET a = 1', i); "
        "END LOOP; END $$"
    )
    assert len(eventually(lambda: findings(server, rule), there=True)) == 1


def test_a_healthy_server_has_nothing_above_info(
    new_pg: Callable[[int], Postgres], tmp_path: Any
) -> None:
    server = new_pg(18).start({"fsync": "on"})
    env = {"DATABASE_URL": server.dsn()}
    conf = tmp_path / "postgresql.conf"
    dbtune(
        "gen-config", "postgresql", "--ram", "2GB", "--cpus", "2", "--workload", "web",
        "-o", str(conf), env=env,
    ).ok()  # fmt: skip
    server.configure(conf.read_text() + "\nfsync = on\nlisten_addresses = '127.0.0.1'\n")
    server.restart()
    made = dbtune("check", "--interval", "1s", "-f", "json", "--fail-on", "warning", env=env)
    assert [f for f in made.json["findings"] if f["level"] != "info"] == []
    assert made.code == 0


def test_versions(pg18: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbtune.postgres.health.checks import minor_version_behind, version_end_of_life

    behind, over = "pg.minor-version-behind", "pg.version-end-of-life"
    today = datetime.now(UTC).date()
    monkeypatch.setitem(version_end_of_life._END, 18, today + timedelta(days=1000))
    monkeypatch.setitem(minor_version_behind._KNOWN, 18, 0)
    assert findings(pg18, behind) == findings(pg18, over) == []
    # A test can't wait for a release: the list has one that is not out yet.
    monkeypatch.setitem(minor_version_behind._KNOWN, 18, 99)
    [found] = findings(pg18, behind)
    assert "18.99 is out" in found["message"]
    assert found["level"] == "warning"
    monkeypatch.setitem(version_end_of_life._END, 18, today - timedelta(days=100))
    [found] = findings(pg18, over)
    assert found["level"] == "warning"
