"""What makes bloat: each cause is made on a real server, found, mended, and gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.bloat_scenarios import maintain
from tests.command import dbtune
from tests.servers import Postgres

ROWS = 40_000
THRESHOLDS = """
profiles:
  here:
    url: ${DATABASE_URL}
    thresholds:
      pg.dead-rows-held-by-transaction: {min_seconds: 0, min_dead_rows: 1000}
      pg.dead-rows-held-by-prepared-transaction: {min_seconds: 0, min_dead_rows: 1000}
      pg.dead-rows-held-by-slot: {min_xids: 1, min_dead_rows: 1000}
      pg.dead-rows-held-by-standby: {min_xids: 1, min_dead_rows: 1000}
      pg.vacuum-locked-out: {min_seconds: 0}
      pg.table-bloated: {warning_bytes: 100000, critical_bytes: 1000000}
      pg.index-bloated: {warning_bytes: 100000}
      pg.catalog-bloated: {min_bytes: 100000, min_ratio: 0.3}
      pg.vacuum-threshold-lax: {min_size_bytes: 100000}
      pg.updates-not-hot: {min_updates: 1000, min_index_bloat_bytes: 100000}
      pg.freeze-debt: {min_size_bytes: 100000, due_ratio: 0}
      pg.deletes-by-age: {min_size_bytes: 100000}
"""


class Bench:
    """A server, a profile with low thresholds, and a table of which half can die."""

    def __init__(self, pg: Postgres, folder: Path) -> None:
        self.pg = pg
        self._env = {"DATABASE_URL": pg.dsn(), "DBTUNE_CONFIG": str(folder / "dbtune.yaml")}
        (folder / "dbtune.yaml").write_text(THRESHOLDS)

    def fill(self, options: str = "") -> None:
        """A fresh table t with an index, analysed."""
        self.pg.psql(f"DROP TABLE IF EXISTS t; CREATE TABLE t(i int NOT NULL, t text) {options}")
        self.pg.psql(f"INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, {ROWS}) i")
        self.pg.psql("CREATE INDEX ti ON t (i)")
        self.vacuum("VACUUM ANALYZE t")

    def vacuum(self, statement: str, still_open: int = 0) -> None:
        """VACUUM, when all changes so far were counted."""
        maintain(self.pg, "postgres", statement, still_open)

    def found(self, rule: str, *options: str) -> list[dict[str, Any]]:
        """Findings of a rule."""
        arguments = ("bloat", "here", "--min-size", "100kB", "-n", "500", "-f", "json", *options)
        findings = dbtune(*arguments, env=self._env).ok().json["findings"]
        return [one for one in findings if one["rule"] == rule]


@pytest.fixture(scope="module")
def _server() -> Iterator[Postgres]:
    from tests.conftest import missing
    from tests.servers import available_postgres

    if 18 not in available_postgres():
        missing("PostgreSQL 18")
    conf = {"autovacuum": "off", "max_prepared_transactions": 2, "wal_level": "logical"}
    with Postgres(18) as server:
        yield server.start(conf)


@pytest.fixture
def bench(_server: Postgres, tmp_path: Path) -> Bench:
    made = Bench(_server, tmp_path)
    made.fill()
    return made


def wait_for(pg: Postgres, question: str) -> None:
    """Until its answer is yes."""
    for _ in range(1000):
        if pg.psql(question) == [(True,)]:
            return
        pg.psql("SELECT pg_sleep(0.1)")
    raise AssertionError(question)


DELETE = "DELETE FROM t WHERE i % 2 = 0"


def test_a_transaction_that_holds_dead_rows_is_named(bench: Bench) -> None:
    rule = "pg.dead-rows-held-by-transaction"
    with psycopg.connect(bench.pg.dsn(), application_name="report") as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM pg_class")
        bench.pg.psql(DELETE)
        bench.vacuum("VACUUM t", still_open=1)
        [finding] = bench.found(rule)
        assert finding["subject"] == "session of postgres (report)"
        assert finding["evidence"]["pid"] == holder.info.backend_pid
        assert finding["evidence"]["dead_rows"] == ROWS / 2
        assert finding["evidence"]["vacuumed_in_vain"] == 1
        assert "VACUUM has come meanwhile in vain" in finding["message"]
        bench.pg.psql(finding["remedy"]["sql"])
        with pytest.raises(psycopg.Error):
            holder.execute("SELECT 1")
    assert bench.found(rule) == []
    bench.vacuum("VACUUM t")
    assert bench.pg.psql("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 't'") == [(0,)]


def test_a_prepared_transaction_that_holds_dead_rows_is_named(bench: Bench) -> None:
    rule = "pg.dead-rows-held-by-prepared-transaction"
    bench.pg.psql("CREATE TABLE IF NOT EXISTS other(i int)")
    with psycopg.connect(bench.pg.dsn(), autocommit=True) as session:
        session.execute("BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'it''s ours'")
    bench.pg.psql(DELETE)
    [finding] = bench.found(rule)
    assert finding["subject"] == "prepared transaction it's ours"
    bench.pg.psql("ROLLBACK PREPARED 'it''s ours'")
    assert finding["remedy"]["sql"].endswith("ROLLBACK PREPARED 'it''s ours';")
    assert bench.found(rule) == []


def test_a_slot_and_a_standby_that_hold_dead_rows_are_named(bench: Bench) -> None:
    pg = bench.pg
    pg.psql("SELECT pg_create_physical_replication_slot('abandoned', true)")
    conf = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s",
            "primary_slot_name": "abandoned", "max_standby_streaming_delay": "-1"}  # fmt: skip
    with pg.standby(conf) as standby, contextlib.suppress(psycopg.OperationalError):
        pg.wait_for_standby(standby)
        with standby.connect() as reader:
            reader.autocommit = False
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT count(*) FROM t")
            wait_for(pg, "SELECT xmin IS NOT NULL FROM pg_replication_slots")
            pg.psql(DELETE)
            pg.psql("SELECT pg_current_xact_id()")
            [finding] = bench.found("pg.dead-rows-held-by-slot")
            assert finding["subject"] == "replication slot abandoned"
            assert finding["level"] == "warning"
            standby.halt()  # and the reader's connection is lost
    [finding] = bench.found("pg.dead-rows-held-by-slot")
    assert finding["level"] == "critical"
    assert "nobody reads it" in finding["message"]
    pg.psql(finding["remedy"]["sql"])
    assert bench.found("pg.dead-rows-held-by-slot") == []


def test_a_standby_query_without_a_slot_is_named(bench: Bench) -> None:
    pg = bench.pg
    conf = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
    with pg.standby(conf) as standby:
        pg.wait_for_standby(standby)
        with standby.connect() as reader:
            reader.autocommit = False
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT count(*) FROM t")
            wait_for(pg, "SELECT backend_xmin IS NOT NULL FROM pg_stat_replication")
            pg.psql(DELETE)
            pg.psql("SELECT pg_current_xact_id()")
            [finding] = bench.found("pg.dead-rows-held-by-standby")
            assert finding["subject"].startswith("standby walreceiver")
            assert finding["evidence"]["dead_rows"] == ROWS / 2
    assert bench.found("pg.dead-rows-held-by-standby") == []


def test_a_lock_that_keeps_vacuum_away_is_named(bench: Bench) -> None:
    bench.pg.psql(DELETE)
    with bench.pg.connect() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE")
        [finding] = bench.found("pg.vacuum-locked-out")
        assert finding["subject"] == "table public.t"
        assert finding["evidence"]["pid"] == holder.info.backend_pid
        assert "ShareRowExclusiveLock" in finding["message"]
    assert bench.found("pg.vacuum-locked-out") == []


def test_dead_rows_that_wait_and_autovacuum_that_is_off(bench: Bench) -> None:
    bench.pg.psql(DELETE)
    [waiting] = bench.found("pg.dead-rows-await-vacuum")
    assert waiting["evidence"]["dead_rows"] == ROWS / 2
    assert "autovacuum is off; last vacuumed" in waiting["message"]
    [off] = bench.found("pg.dead-rows-autovacuum-off")
    assert off["subject"] == "autovacuum"
    bench.vacuum(waiting["remedy"]["sql"])
    assert bench.found("pg.dead-rows-await-vacuum") == []
    assert bench.found("pg.dead-rows-autovacuum-off") == []


def test_a_table_that_autovacuum_must_not_touch(bench: Bench) -> None:
    bench.fill("WITH (autovacuum_enabled = off)")
    bench.pg.psql(DELETE)
    found = {one["subject"]: one for one in bench.found("pg.dead-rows-autovacuum-off")}
    bench.pg.psql(found["table public.t"]["remedy"]["sql"])
    subjects = [one["subject"] for one in bench.found("pg.dead-rows-autovacuum-off")]
    assert subjects == ["autovacuum"]


def test_bloated_tables_and_indexes_until_they_are_rewritten(bench: Bench) -> None:
    bench.pg.psql("DELETE FROM t WHERE i % 10 > 0")
    bench.vacuum("VACUUM ANALYZE t")
    [index] = bench.found("pg.index-bloated")
    assert index["remedy"]["sql"] == 'REINDEX INDEX CONCURRENTLY "public"."ti";'
    bench.pg.psql(index["remedy"]["sql"])
    assert bench.found("pg.index-bloated") == []
    [table] = bench.found("pg.table-bloated")
    assert table["level"] == "critical"
    assert table["evidence"]["bloat_ratio"] == pytest.approx(0.9, abs=0.01)
    bench.pg.psql("VACUUM FULL t")
    assert bench.found("pg.table-bloated") == []


def test_a_threshold_that_is_too_lax_for_the_churn(bench: Bench) -> None:
    pg, rule = bench.pg, "pg.vacuum-threshold-lax"
    pg.configure({"autovacuum": "on", "autovacuum_naptime": "1h", "wal_level": "logical",
                  "max_prepared_transactions": 2})  # fmt: skip
    pg.reload()
    try:
        pg.psql("UPDATE t SET t = t WHERE i % 3 = 0")
        [finding] = bench.found(rule)
        assert finding["evidence"]["threshold_rows"] == 50 + ROWS // 5
        pg.psql(finding["remedy"]["sql"])
        assert bench.found(rule) == []
        options = pg.psql("SELECT reloptions FROM pg_class WHERE relname = 't'")[0][0]
        assert "autovacuum_vacuum_threshold=1000" in options
    finally:
        pg.configure({"autovacuum": "off", "max_prepared_transactions": 2, "wal_level": "logical"})
        pg.reload()


def test_an_index_that_vacuum_passes_over(bench: Bench) -> None:
    bench.fill("WITH (vacuum_index_cleanup = off)")
    bench.pg.psql(DELETE)
    bench.vacuum("VACUUM t")
    [finding] = bench.found("pg.index-cleanup-off")
    for statement in finding["remedy"]["sql"].split("\n"):
        bench.pg.psql(statement)
    assert bench.found("pg.index-cleanup-off") == []


def test_updates_that_go_into_the_indexes(bench: Bench) -> None:
    bench.pg.psql("UPDATE t SET i = i + 1")
    [finding] = bench.found("pg.updates-not-hot")
    assert finding["evidence"]["hot_ratio"] < 0.1
    bench.pg.psql(finding["remedy"]["sql"])
    assert bench.found("pg.updates-not-hot") == []


def test_freeze_debt(bench: Bench) -> None:
    subjects = {one["subject"]: one for one in bench.found("pg.freeze-debt")}
    bench.pg.psql(subjects["table public.t"]["remedy"]["sql"])


def test_rows_deleted_in_the_order_of_a_column(bench: Bench) -> None:
    bench.pg.psql(f"DELETE FROM t WHERE i <= {ROWS // 2}")
    [finding] = bench.found("pg.deletes-by-age")
    assert "range of i" in finding["remedy"]["text"]


def test_a_bloated_catalog(new_pg: Callable[[int], Postgres], tmp_path: Path) -> None:
    bench = Bench(new_pg(18).start({"autovacuum": "off"}), tmp_path)
    bench.pg.psql(
        "DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE 'CREATE TEMP TABLE x(a int, b int, c text)';"
        "DROP TABLE x; END LOOP; END $$"
    )
    bench.pg.psql("CREATE TABLE keeps_the_end(a int)")
    bench.vacuum("VACUUM ANALYZE pg_attribute")
    found = {one["subject"]: one for one in bench.found("pg.catalog-bloated")}
    remedy = found["table pg_catalog.pg_attribute"]["remedy"]["sql"]
    assert remedy == 'VACUUM (FULL, VERBOSE, ANALYZE) "pg_catalog"."pg_attribute";'
    bench.pg.psql(remedy)
    assert "table pg_catalog.pg_attribute" not in {
        one["subject"] for one in bench.found("pg.catalog-bloated")
    }
