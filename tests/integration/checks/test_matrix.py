"""All checks at once, by roles that see less, through a pooler, on a standby, on every version.

What a superuser finds, another role finds as well, or the check says that it could not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.command import Result, dbtune
from tests.health import eventually, running, until_blocked
from tests.servers import SUPPORTED, PgBouncer, Postgres

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "synchronous_commit": "off",
    "max_prepared_transactions": 3,
    "archive_mode": "on",
    "archive_command": "false",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
}
DEFECTS = """
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE child (id serial, parent_id int REFERENCES parent ON DELETE CASCADE, kind text,
    x int, pad text);
INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 30000) i;
INSERT INTO child (parent_id, kind, x, pad) SELECT i % 30000 + 1,
    CASE WHEN i % 50 = 0 THEN 'a' ELSE 'b' END, i % 1000, 'x' FROM generate_series(1, 60000) i;
CREATE INDEX child_x ON child (x);
CREATE INDEX child_x_again ON child (x);
CREATE INDEX child_kind ON child (kind);
CREATE INDEX child_pad ON child (pad);
ANALYZE;
DELETE FROM child WHERE id % 10 > 0;
SELECT setval('child_id_seq', 2000000000);
CREATE TABLE part (at date) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
CREATE TABLE part_2 PARTITION OF part DEFAULT;
INSERT INTO part VALUES (now());
ANALYZE part_2;
CREATE UNLOGGED TABLE fleeting (i int);
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE ROLE app LOGIN PASSWORD 'p' CONNECTION LIMIT 4;
CREATE ROLE watcher LOGIN PASSWORD 'p' IN ROLE pg_monitor;
CREATE ROLE stranger LOGIN PASSWORD 'p';
SELECT pg_create_physical_replication_slot('unread', true);
"""
THRESHOLDS = {
    "pg.idle-in-transaction": {"warning_seconds": 0},
    "pg.blocked-sessions": {"warning_seconds": 0},
    "pg.unused-index": {"min_observed_days": 0},
    "pg.table-bloated": {"warning_ratio": 0.1, "warning_bytes": 1000},
    "pg.index-bloated": {"warning_ratio": 0.1, "warning_bytes": 1000},
    "pg.prepared-transaction-left": {"warning_seconds": 0},
    "pg.own-limit-near": {"warning_ratio": 0.2},
    "pg.dead-rows-held-by-transaction": {"min_seconds": 0, "min_dead_rows": 1},
}
FOUND = {
    "pg.archiving-fails", "pg.autovacuum-off", "pg.blocked-sessions", "pg.commits-not-awaited",
    "pg.constant-index", "pg.dead-rows-held-by-transaction", "pg.default-partition-has-rows",
    "pg.duplicate-index", "pg.fsync-off", "pg.full-page-writes-off", "pg.idle-in-transaction",
    "pg.invalid-index", "pg.low-selectivity-index", "pg.own-limit-near",
    "pg.partition-gap-ahead", "pg.prepared-transaction-left", "pg.schema-open-to-all",
    "pg.sequence-near-end", "pg.table-bloated", "pg.table-without-primary-key",
    "pg.trust-authentication", "pg.unindexed-foreign-key", "pg.unused-index",
}  # fmt: skip
HIDDEN_FROM_WATCHER = {
    "pg.constant-index", "pg.hba-file-broken", "pg.integer-key-near-end",
    "pg.low-selectivity-index", "pg.passwords-not-scram", "pg.sequence-near-end",
    "pg.table-bloated", "pg.trust-authentication",
}  # fmt: skip
HIDDEN_FROM_STRANGER = HIDDEN_FROM_WATCHER | {
    "pg.archiving-behind", "pg.autovacuum-workers-busy", "pg.blocked-sessions",
    "pg.dead-rows-held-by-transaction",
    "pg.idle-in-transaction", "pg.long-query", "pg.long-transaction", "pg.sessions-wait-alike",
    "pg.vacuum-locked-out", "pg.xmin-held-back",
}  # fmt: skip


@contextmanager
def with_defects(server: Postgres) -> Iterator[None]:
    server.psql(DEFECTS)
    with suppress(psycopg.errors.UniqueViolation):
        server.psql("CREATE UNIQUE INDEX CONCURRENTLY child_once ON child (x)")
    with server.connect() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO parent VALUES (-1)")
        other.execute("PREPARE TRANSACTION 'left'")
    server.psql("SELECT pg_switch_wal()")
    with ExitStack() as stack:
        idle = stack.enter_context(server.connect("postgres", "app"))
        server.psql("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        idle.execute("BEGIN")
        idle.execute("UPDATE parent SET name = 'y' WHERE id = 1")
        waiting = stack.enter_context(server.connect())
        with running(waiting, "UPDATE parent SET name = 'z' WHERE id = 1"):
            until_blocked(server, waiting.info.backend_pid)
            # What was counted before comes with it, where a collector counts.
            failed = "SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0"
            assert eventually(lambda: [{}] * len(server.psql(failed)), there=True)
            yield


def check(url: str, file: Path, *more: str) -> Result:
    profile = {"url": "${TARGET_URL}", "thresholds": THRESHOLDS}
    file.write_text(yaml.safe_dump({"profiles": {"here": profile}}))
    env = {"TARGET_URL": url, "DBTUNE_CONFIG": str(file)}
    return dbtune("check", "here", "--interval", "0s", "-f", "json", *more, env=env)


def statuses(result: Result) -> dict[str, str]:
    assert result.code in (0, 1, 4), result.err
    return {row["check"]: row["status"] for row in result.json["checks"]}


def skipped(result: Result) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in result.json["skipped"]}


def unlike(seen: dict[str, str], all_of_it: dict[str, str]) -> set[str]:
    """Checks that say something else, and do not say that they could not see."""
    return {
        name
        for name, status in seen.items()
        if status not in (all_of_it[name], "skipped") and name != "pg.unused-index"
    }


@pytest.mark.parametrize("version", SUPPORTED)
def test_roles_pooler_and_standby(
    version: int,
    new_pg: Callable[[int], Postgres],
    pgbouncer: Callable[[], PgBouncer],
    tmp_path: Path,
) -> None:
    server, file = new_pg(version).start(SETTINGS), tmp_path / "dbtune.yaml"
    with with_defects(server):
        whole = check(server.dsn(), file)
        assert whole.code == 1  # critical ones
        everything = statuses(whole)
        assert FOUND - {name for name, one in everything.items() if one != "ok"} == set()
        too_old = {"pg.wal-mostly-page-images"} if version < 14 else set()
        assert skipped(whole).keys() == too_old

        for user, hidden in (("watcher", HIDDEN_FROM_WATCHER), ("stranger", HIDDEN_FROM_STRANGER)):
            less = check(server.dsn("postgres", user, "p"), file)
            assert unlike(statuses(less), everything) == set()
            assert skipped(less).keys() == hidden | too_old
            assert all(one["reason"] for one in skipped(less).values())
            assert all(skipped(less)[name]["remedy"] for name in hidden)
            words = [word for name in sorted(hidden) for word in ("--only", name)]
            strict = ("--fail-on", "never", "--strict")
            alone = check(server.dsn("postgres", user, "p"), file, *words, *strict)
            assert alone.code == 4  # skipped is not clean

        pooler = pgbouncer().start_for(server, pool_mode="transaction")
        pooled = check(pooler.dsn(), file)
        assert unlike(statuses(pooled), everything) == set()
        assert skipped(pooled).keys() == too_old

    standby = server.standby()
    try:
        there = check(standby.dsn("postgres", "watcher", "p"), file)
        assert there.json["target"]["role"] == "standby"
        assert {"pg.fsync-off", "pg.duplicate-index", "pg.partition-gap-ahead"} <= {
            one["rule"] for one in there.json["findings"]
        }
        assert all(one["reason"] for one in skipped(there).values())
    finally:
        standby.stop()
