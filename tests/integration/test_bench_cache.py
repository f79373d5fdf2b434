"""bench cache on a real PostgreSQL and a real Redis, for moments."""

from __future__ import annotations

import jsonschema
import pytest

from dbtune.redis.scratch_key import PREFIX
from tests.command import dbtune
from tests.servers import Postgres, Redis

QUICK = ("--yes", "--allow-busy", "--rounds", "2", "--calls", "5")


def keys(redis_server: Redis) -> list[object]:
    with redis_server.client() as client:
        return list(client.scan_iter(f"{PREFIX}*"))


def test_a_query_against_a_hit(database18: tuple[Postgres, str], redis_server: Redis) -> None:
    pg, name = database18
    sql = "SELECT pg_sleep(0.02), 'é' AS text, now(), 1.5::numeric FROM generate_series(1, 3)"
    arguments = ("bench", "cache", pg.dsn(name), "--redis", redis_server.url(), "--sql", sql)
    said = dbtune(*arguments, *QUICK, "-f", "json").ok().json
    jsonschema.validate(said, dbtune("schema", "bench cache").ok().json)
    result = said["result"]
    assert result["result_rows"] == 3
    assert result["value_bytes"] > 100
    assert result["hit_factor"] > 1  # the query sleeps
    assert 0 < result["break_even_hit_ratio"] < 1
    assert result["query_p50_ms"] > 60
    parts = {row["part"]: row for row in said["parts"]}
    assert len(parts) == 6
    assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in parts.values())
    assert [row["hit_ratio"] for row in said["hit_ratios"]] == [0.5, 0.8, 0.9, 0.95, 0.99]
    assert keys(redis_server) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--sql", "SELECT 1; SELECT 2"), 2, "more than one statement"),
        (("--sql", "CREATE TABLE x (a int)"), 2, "can't measure"),
        (("--sql", "SELECT nope"), 2, "nope"),
        ((), 2, "--sql STATEMENT or --file FILE"),
        (("--sql", "SELECT repeat('x', 1000) FROM generate_series(1, 20000)"), 2, "16.0 MiB"),
    ],
)
def test_mistakes(
    database18: tuple[Postgres, str],
    redis_server: Redis,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    pg, name = database18
    ask = ("bench", "cache", pg.dsn(name), "--redis", redis_server.url(), *QUICK)
    result = dbtune(*ask, *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert keys(redis_server) == []


def test_a_statement_that_writes_is_not_executed(
    database18: tuple[Postgres, str], redis_server: Redis
) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE t AS SELECT 1 AS n", name)
    ask = ("bench", "cache", pg.dsn(name), "--redis", redis_server.url(), *QUICK)
    result = dbtune(*ask, "--sql", "DELETE FROM t")
    assert result.code == 2
    assert "it writes" in result.err
    assert pg.psql("SELECT * FROM t", name) == [(1,)]


def test_no_redis_there(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    ask = ("bench", "cache", pg.dsn(name), "--sql", "SELECT 1", *QUICK)
    assert dbtune(*ask, "--redis", "redis://127.0.0.1:1").code == 3
    wrong = dbtune(*ask, "--redis", pg.dsn(name))
    assert wrong.code == 2
    assert "this needs Redis" in wrong.err
    assert pg.password not in wrong.err
