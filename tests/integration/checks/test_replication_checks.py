"""Checks on replication, slots and archiving, on real primaries and standbys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.command import dbtune
from tests.health import eventually, findings, meanwhile
from tests.servers import Postgres

MiB = 1024**2


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    """A primary and its standby."""
    from tests import servers
    from tests.conftest import missing

    if 18 not in servers.available_postgres():
        missing("PostgreSQL 18")
    with Postgres(18) as primary:
        primary.start({"max_slot_wal_keep_size": "-1"})
        with primary.standby() as standby:
            primary.wait_for_standby(standby)
            yield primary, standby


def write(server: Postgres, megabytes: int = 3) -> None:
    server.psql(
        "DROP TABLE IF EXISTS bulk; CREATE TABLE bulk AS "
        f"SELECT md5(n::text) AS t FROM generate_series(1, {megabytes * 10_000}) n"
    )


def test_where_remedies_are_for_is_told_on_a_standby(pair: tuple[Postgres, Postgres]) -> None:
    asked = ("--interval", "0s", "--only", "pg.no-idle-transaction-limit", "-f", "json")
    notes = [dbtune("check", one.dsn(), *asked).ok().json["notes"] for one in pair]
    assert ["this is a standby" in " ".join(one) for one in notes] == [False, True]


def test_a_standby_that_lags_and_replay_that_is_paused(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    assert findings(standby, "pg.replay-paused") == []
    standby.psql("SELECT pg_wal_replay_pause()")
    write(primary)
    [paused] = eventually(lambda: findings(standby, "pg.replay-paused"), there=True)
    lagging = eventually(
        lambda: findings(primary, "pg.standby-lags", warning_seconds=0.01, warning_bytes=MiB),
        there=True,
    )
    assert lagging[0]["evidence"]["replay_lag_bytes"] > MiB
    assert findings(primary, "pg.standby-lags") == []  # not by the defaults
    # What is paused on purpose is one finding, not two.
    assert findings(standby, "pg.replay-behind", warning_bytes=1) == []
    standby.psql(paused["remedy"]["sql"])
    primary.wait_for_standby(standby)
    assert findings(standby, "pg.replay-paused") == []
    quiet = eventually(
        lambda: findings(primary, "pg.standby-lags", warning_seconds=0.01, warning_bytes=MiB),
        there=False,
    )
    assert quiet == []


def test_replay_that_waits_for_a_query(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    primary.psql("DROP TABLE IF EXISTS waits; CREATE TABLE waits AS SELECT 1 AS a")
    primary.wait_for_standby(standby)
    with standby.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM waits")
        primary.psql("DROP TABLE waits")
        write(primary)
        [behind] = eventually(
            lambda: findings(standby, "pg.replay-behind", warning_bytes=MiB), there=True
        )
        assert behind["evidence"]["replay_lag_bytes"] >= MiB
        reader.execute("ROLLBACK")
    primary.wait_for_standby(standby)
    assert findings(standby, "pg.replay-behind", warning_bytes=MiB) == []


def test_queries_that_replay_cancels(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    standby.configure({"max_standby_streaming_delay": "0"})
    standby.reload()
    primary.psql("DROP TABLE IF EXISTS waits; CREATE TABLE waits AS SELECT 1 AS a")
    primary.wait_for_standby(standby)

    def cancel_one() -> None:
        with standby.connect() as reader:
            reader.execute("BEGIN; SELECT * FROM waits")
            primary.psql("DROP TABLE waits; CREATE TABLE waits AS SELECT 1 AS a")
            with pytest.raises(psycopg.OperationalError, match="conflict with recovery"):
                reader.execute("SELECT pg_sleep(600)")
        primary.wait_for_standby(standby)

    assert findings(standby, "pg.standby-conflicts", interval="100ms") == []
    with meanwhile(cancel_one):
        found = findings(standby, "pg.standby-conflicts", interval="1s")
    assert [one["evidence"]["conflicts"] for one in found] == [1]
    standby.configure({"max_standby_streaming_delay": "30s"})
    standby.reload()


def test_a_standby_without_a_primary(pair: tuple[Postgres, Postgres]) -> None:
    _, standby = pair
    rule = "pg.standby-not-streaming"
    assert findings(standby, rule) == []
    before = standby.psql("SHOW primary_conninfo")[0][0]
    standby.psql("ALTER SYSTEM SET primary_conninfo = ''")
    standby.reload()
    assert len(eventually(lambda: findings(standby, rule), there=True)) == 1
    standby.psql("ALTER SYSTEM RESET primary_conninfo")
    standby.reload()
    assert standby.psql("SHOW primary_conninfo")[0][0] == before
    assert eventually(lambda: findings(standby, rule), there=False) == []


def test_unlogged_tables_and_synchronous_names(pair: tuple[Postgres, Postgres]) -> None:
    primary, _ = pair
    rule = "pg.unlogged-table-with-standbys"
    assert findings(primary, rule) == []
    primary.psql(
        "CREATE UNLOGGED TABLE cache AS SELECT repeat('x', 100) t FROM generate_series(1, 20000);"
        "ANALYZE cache"
    )
    [found] = findings(primary, rule)
    primary.psql(found["remedy"]["sql"])
    assert findings(primary, rule) == []
    primary.psql("DROP TABLE cache")

    rule = "pg.synchronous-standby-missing"
    assert findings(primary, rule) == []
    primary.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    primary.reload()
    [found] = eventually(lambda: findings(primary, rule), there=True)
    for statement in found["remedy"]["sql"].split("\n"):
        primary.psql(statement)
    assert eventually(lambda: findings(primary, rule), there=False) == []


def test_slots(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(17).start(
        {"wal_level": "logical", "max_wal_size": "64MB", "min_wal_size": "32MB"}
    )
    server.psql("SELECT pg_create_physical_replication_slot('it''s', true)".replace("''", ""))
    write(server)
    [unused] = findings(server, "pg.slot-unused", min_bytes=MiB)
    assert "nothing limits it" in unused["message"]
    assert findings(server, "pg.slot-unused") == []
    assert findings(server, "pg.slot-lost") == []
    server.psql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    server.reload()
    for _ in range(4):
        write(server, 20)
        server.psql("SELECT pg_switch_wal(); CHECKPOINT")
    [lost] = findings(server, "pg.slot-lost")
    assert findings(server, "pg.slot-unused", min_bytes=1) == []
    server.psql(lost["remedy"]["sql"])
    assert findings(server, "pg.slot-lost") == []


def test_a_reader_that_is_behind(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    primary.psql("SELECT pg_create_physical_replication_slot('used', true)")
    standby.psql("ALTER SYSTEM SET primary_slot_name = 'used'")
    standby.reload()
    assert eventually(
        lambda: [{} for (one,) in primary.psql("SELECT active FROM pg_replication_slots") if one],
        there=True,
    )
    assert findings(primary, "pg.slot-retains-wal") == []
    assert len(findings(primary, "pg.slot-retains-wal", warning_bytes=0)) == 1
    standby.psql("ALTER SYSTEM RESET primary_slot_name")
    standby.reload()
    assert (
        eventually(lambda: findings(primary, "pg.slot-retains-wal", warning_bytes=0), there=False)
        == []
    )
    primary.psql("SELECT pg_drop_replication_slot('used')")


def test_archiving(new_pg: Callable[[int], Postgres]) -> None:
    server = new_pg(15).start({"archive_mode": "on", "archive_command": "exit 1"})
    write(server)
    server.psql("SELECT pg_switch_wal()")
    [fails] = eventually(lambda: findings(server, "pg.archiving-fails"), there=True)
    assert fails["level"] == "critical"
    [behind] = findings(server, "pg.archiving-behind", warning_segments=1)
    assert behind["evidence"]["waiting"] >= 1
    assert findings(server, "pg.archiving-behind") == []
    assert findings(server, "pg.archiving-without-command") == []
    server.psql("ALTER SYSTEM SET archive_command = 'true'")
    server.reload()
    assert eventually(lambda: findings(server, "pg.archiving-fails"), there=False) == []
    server.psql("ALTER SYSTEM SET archive_command = ''")
    server.reload()
    [without] = eventually(lambda: findings(server, "pg.archiving-without-command"), there=True)
    assert "archive_command" in without["remedy"]["sql"]


def test_logical_replication(new_pg: Callable[[int], Postgres]) -> None:
    publisher = new_pg(16).start({"wal_level": "logical"})
    subscriber = new_pg(16).start()
    for server in (publisher, subscriber):
        server.psql("CREATE TABLE t (a int); CREATE TABLE keyed (a int PRIMARY KEY)")
    publisher.psql("CREATE PUBLICATION all_of_it FOR ALL TABLES")
    [table] = findings(publisher, "pg.published-without-identity")
    assert table["subject"] == "table public.t"
    publisher.psql(table["remedy"]["sql"])
    assert findings(publisher, "pg.published-without-identity") == []

    subscriber.psql("INSERT INTO keyed VALUES (1)")
    source = publisher.dsn().replace("'", "''")
    subscriber.psql(
        f"CREATE SUBSCRIPTION s CONNECTION '{source}' PUBLICATION all_of_it "
        "WITH (copy_data = false)"
    )
    assert (
        eventually(lambda: findings(subscriber, "pg.subscription-not-running"), there=False) == []
    )
    subscriber.psql("ALTER SYSTEM SET wal_retrieve_retry_interval = '30s'")
    subscriber.reload()
    publisher.psql("INSERT INTO keyed VALUES (1)")  # violates the key there
    found = eventually(lambda: findings(subscriber, "pg.subscription-not-running"), there=True)
    assert found[0]["subject"] == "subscription s"
    subscriber.psql("DELETE FROM keyed")
    subscriber.psql("ALTER SYSTEM SET wal_retrieve_retry_interval = '1s'")
    subscriber.reload()
    subscriber.psql("ALTER SUBSCRIPTION s DISABLE")
    assert findings(subscriber, "pg.subscription-not-running") == []
    subscriber.psql("ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s")
