"""Checks on sessions: who idles, runs for long, blocks, or holds VACUUM back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import dbtune
from tests.health import eventually, findings, running
from tests.servers import Postgres


def test_idle_in_transaction(any_pg: Postgres) -> None:
    rule = "pg.idle-in-transaction"
    with any_pg.connect() as session:
        session.execute("BEGIN")
        session.execute("SELECT 'secret', 17")
        time.sleep(0.2)
        [found] = findings(any_pg, rule, warning_seconds=0.1)
        assert found["level"] == "warning"
        assert "'secret'" not in found["message"]
        assert f"pg_terminate_backend({session.info.backend_pid})" in found["remedy"]["sql"]
        assert findings(any_pg, rule) == []  # not yet for a minute
        assert (
            findings(any_pg, rule, warning_seconds=0, critical_seconds=0.1)[0]["level"]
            == "critical"
        )
    assert findings(any_pg, rule, warning_seconds=0.1) == []


def test_one_forgotten_transaction_is_one_problem_of_a_report(
    pg18: Postgres, tmp_path: Path
) -> None:
    rules = ("pg.idle-in-transaction", "pg.no-idle-transaction-limit")
    config = tmp_path / "dbtune.yaml"
    config.write_text(
        f"profiles:\n  here:\n    url: '{pg18.dsn()}'\n"
        "    thresholds: {pg.idle-in-transaction: {warning_seconds: 0.1}}\n"
    )
    config.chmod(0o600)
    environment = {"DBTUNE_CONFIG": str(config)}
    with pg18.connect() as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        time.sleep(0.2)
        checked = dbtune(
            "check", "here", "--interval", "0", "--only", rules[0], "--only", rules[1],
            "-f", "json", env=environment,
        ).json["findings"]  # fmt: skip
        made = dbtune("report", "here", "--interval", "0", "-f", "json", env=environment).json
    assert [one["rule"] for one in checked] == list(rules)
    [told] = [one for one in made["problems"] if one["rule"] in rules]
    assert told["rule"] == rules[0]
    assert f"; {rules[1]}, too: idle_in_transaction_session_timeout is 0" in told["message"]


def test_long_query_and_what_its_transaction_adds(pg18: Postgres) -> None:
    with pg18.connect() as session, running(session, "SELECT pg_sleep(60)"):
        [found] = eventually(
            lambda: findings(pg18, "pg.long-query", warning_seconds=0.1), there=True
        )
        assert "SELECT pg_sleep(?)" in found["message"]
        assert findings(pg18, "pg.long-transaction", warning_seconds=0.1) == []
        assert findings(pg18, "pg.long-query") == []
    assert findings(pg18, "pg.long-query", warning_seconds=0.1) == []


def test_long_transaction_of_short_statements(pg18: Postgres) -> None:
    with pg18.connect() as session:
        session.execute("BEGIN")
        time.sleep(1)
        with running(session, "SELECT pg_sleep(60)"):
            [found] = eventually(
                lambda: findings(pg18, "pg.long-transaction", warning_seconds=0.5), there=True
            )
    assert "has a transaction open for" in found["message"]
    assert findings(pg18, "pg.long-transaction", warning_seconds=0.5) == []


def test_a_backup_is_worth_a_word_only(pg18: Postgres) -> None:
    with pg18.connect() as session:
        session.execute("SET application_name = 'pg_dump'")
        with running(session, "SELECT pg_sleep(60)"):
            [found] = eventually(
                lambda: findings(pg18, "pg.long-query", warning_seconds=0.1), there=True
            )
    assert found["level"] == "info"


def test_blocked_sessions_lead_to_the_root(any_pg: Postgres) -> None:
    rule = "pg.blocked-sessions"
    any_pg.psql("DROP TABLE IF EXISTS locked; CREATE TABLE locked (a int)")
    with any_pg.connect() as root, any_pg.connect() as second, any_pg.connect() as third:
        root.execute("BEGIN")
        root.execute("LOCK TABLE locked")
        with running(second, "SELECT * FROM locked"), running(third, "DROP TABLE locked"):
            found = eventually(lambda: findings(any_pg, rule, warning_seconds=0.1), there=True)
            found = eventually(
                lambda: [
                    one
                    for one in findings(any_pg, rule, warning_seconds=0.1)
                    if one["evidence"]["blocked"] == 2
                ],
                there=True,
            )
            [tree] = found
            assert tree["evidence"]["blocking_pid"] == root.info.backend_pid
            assert f"pg_terminate_backend({root.info.backend_pid})" in tree["remedy"]["sql"]
            assert (
                findings(any_pg, rule, warning_seconds=0, critical_sessions=2)[0]["level"]
                == "critical"
            )
        root.execute("ROLLBACK")
    assert findings(any_pg, rule, warning_seconds=0.1) == []


def test_a_prepared_transaction_that_was_left(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(18).start({"max_prepared_transactions": 5})
    server.psql("CREATE TABLE t (a int)")
    server.psql("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s left'")
    time.sleep(0.1)
    [found] = findings(server, "pg.prepared-transaction-left", warning_seconds=0.05)
    assert findings(server, "pg.prepared-transaction-left") == []
    server.psql("SELECT pg_current_xact_id(); SELECT pg_current_xact_id();")
    [held] = findings(server, "pg.xmin-held-back", warning_xids=1)
    assert "prepared transaction it's left" in held["message"]
    with server.connect() as blocked, running(blocked, "DROP TABLE t"):
        [tree] = eventually(
            lambda: findings(server, "pg.blocked-sessions", warning_seconds=0.01), there=True
        )
        assert tree["subject"] == "a prepared transaction"
    server.psql(found["remedy"]["sql"])  # the remedy works as it is
    assert findings(server, "pg.prepared-transaction-left", warning_seconds=0) == []
    assert findings(server, "pg.xmin-held-back", warning_xids=1) == []


def test_a_session_that_holds_vacuum_back(pg18: Postgres) -> None:
    rule = "pg.xmin-held-back"
    with pg18.connect() as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT 1")
        for _ in range(5):
            pg18.psql("SELECT pg_current_xact_id()")
        [found] = findings(pg18, rule, warning_xids=5)
        assert f"process {session.info.backend_pid}" in found["message"]
        assert findings(pg18, rule) == []
    assert findings(pg18, rule, warning_xids=5) == []


def test_sessions_that_wait_alike(pg18: Postgres) -> None:
    rule = "pg.sessions-wait-alike"
    with pg18.connect() as one, pg18.connect() as two:
        with running(one, "SELECT pg_sleep(60)"), running(two, "SELECT pg_sleep(60)"):
            [found] = eventually(lambda: findings(pg18, rule, min_sessions=2), there=True)
        assert found["evidence"]["wait"] == "Timeout:PgSleep"
    assert findings(pg18, rule, min_sessions=2) == []


@pytest.mark.parametrize("kind", ["role", "database"])
def test_own_connection_limits(pg18: Postgres, kind: str) -> None:
    name = f"limited_{kind}"
    pg18.psql("DROP ROLE IF EXISTS limited_role; CREATE ROLE limited_role LOGIN CONNECTION LIMIT 3")
    if kind == "database":
        pg18.psql("ALTER ROLE limited_role CONNECTION LIMIT -1")
        pg18.create_database(name, "CONNECTION LIMIT 3")
    dbname = name if kind == "database" else "postgres"
    with pg18.connect(dbname, "limited_role"), pg18.connect(dbname, "limited_role"):
        assert findings(pg18, "pg.own-limit-near", warning_ratio=0.9) == []
        [found] = findings(pg18, "pg.own-limit-near", warning_ratio=0.6)
        assert found["subject"] == f"{kind} {name}"
    pg18.psql(found["remedy"]["sql"])
    if kind == "database":
        pg18.drop_database(name)
    assert findings(pg18, "pg.own-limit-near", warning_ratio=0.6) == []
    pg18.psql("DROP ROLE limited_role")


def test_connections_that_idle(pg18: Postgres) -> None:
    rule = "pg.connections-mostly-idle"
    with pg18.connect(), pg18.connect(), pg18.connect():
        found = findings(pg18, rule, min_idle=3, min_ratio=0.5)
        assert len(found) == 1
    assert findings(pg18, rule, min_idle=3, min_ratio=0.5) == []
