"""What each command can do with a login, and that nothing hidden is told as nothing there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.command import Result, dbtune
from tests.conftest import missing
from tests.servers import Postgres, Redis, find_redis, fresh_database

READERS = {
    *("check", "activity", "slow-queries", "explain", "suggest-indexes"),
    *("bloat", "cache", "pool-size", "gen-config", "snapshot"),
}


def states(tested: Result) -> dict[str, str]:
    return {row["command"]: row["state"] for row in tested.ok().json["commands"]}


@pytest.fixture(scope="module")
def shop(pg: Callable[[int], Postgres]) -> Iterator[str]:
    """A database with a table that the role ``poor`` may not read."""
    pg18 = pg(18)
    with fresh_database(pg18) as name:
        pg18.psql(
            "CREATE EXTENSION pg_stat_statements;"
            "CREATE TABLE t AS SELECT n, repeat('x', 90) AS x FROM generate_series(1, 30000) n;"
            "ANALYZE t; DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD 'poor-word'",
            name,
        )
        yield name
    pg18.psql("DROP ROLE poor")


def poor(pg: Postgres, name: str) -> str:
    return pg.dsn(name, "poor", "poor-word")


def test_every_command_that_reads_is_told_of(pg18: Postgres, shop: str) -> None:
    everything = states(dbtune("profile", "test", pg18.dsn(shop), "-f", "json"))
    assert everything == dict.fromkeys(READERS, "ready")
    less = dbtune("profile", "test", poor(pg18, shop), "-f", "json")
    assert states(less) == dict.fromkeys(READERS, "limited")
    remedies = {one["what"]: one["remedy"] for one in less.json["skipped"]}
    assert 'GRANT pg_read_all_data TO "poor"' in remedies["explain, bloat"]
    assert 'GRANT pg_read_all_stats TO "poor"' in remedies["activity, pool-size"]


def test_bloat_that_a_role_may_not_see_is_unknown_and_not_nothing(
    pg18: Postgres, shop: str
) -> None:
    asked = ("bloat", poor(pg18, shop), "--schema", "public", "--min-size", "8kB")
    found = dbtune(*asked, "-f", "json").ok().json
    assert found["summary"]["bloat_bytes"] is found["summary"]["bloat_ratio"] is None
    assert found["summary"]["unknown"] == found["summary"]["examined"] > 0
    assert "public.t" in found["skipped"][0]["what"]
    assert "pg_read_all_data" in found["skipped"][0]["remedy"]
    assert dbtune(*asked, "--strict").code == 4
    shown = dbtune(*asked).out
    assert "bloat        0 B" not in shown
    assert "nothing is worth doing, as far as the bloat is known" in shown


@pytest.mark.parametrize("command", ["slow-queries", "cache"])
def test_an_empty_table_says_that_something_is_hidden(
    pg18: Postgres, shop: str, command: str
) -> None:
    pg18.psql("SELECT pg_stat_statements_reset()", shop)
    pg18.psql("SELECT count(*) FROM t", shop)
    shown = dbtune(command, poor(pg18, shop))
    assert "of those that this role may see" in " ".join(shown.out.split())
    lacking = dbtune("suggest-indexes", poor(pg18, shop), "-f", "json").json["skipped"]
    reason = next(one["reason"] for one in lacking if one["what"] == "new indexes")
    assert "hidden from poor" in reason


def test_redis_commands_by_what_a_user_may_send() -> None:
    if find_redis() is None:
        missing("redis-server")
    with Redis().start() as redis, redis.client() as client:
        client.acl_setuser("few", enabled=True, passwords=["+word"], commands=["+info", "+client"])
        few = redis.url().replace("redis://", "redis://few:word@")
        less = dbtune("profile", "test", few, "-f", "json")
        assert states(less) == {
            "check": "limited",
            "activity": "ready",
            "slow-queries": "not possible",
            "bloat": "limited",
            "cache": "limited",
            "gen-config": "not possible",
            "snapshot": "limited",
        }
        remedies = " ".join(one["remedy"] for one in less.json["skipped"])
        assert "+config|get" in remedies
        assert "+memory|usage" in remedies
        assert set(states(dbtune("profile", "test", redis.url(), "-f", "json")).values()) == {
            "ready"
        }
