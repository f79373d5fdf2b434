"""Checks on slow Redis commands: each with two literals, one it finds and one it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dbtune.finding import Finding, Level, load_checks
from dbtune.redis.slowlog import Entry, SlowCommand, Slowlog, slow_commands

CHECKS = {one.name: one for one in load_checks("dbtune.redis.checks")}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def command(*words: str, ms: float = 20, calls: int = 3) -> SlowCommand:
    (found,) = slow_commands(Entry(n, NOW, ms, words, client="web") for n in range(calls))
    return found


def run(name: str, *given: SlowCommand) -> list[Finding]:
    return CHECKS[name](list(given))


def test_every_check_is_documented() -> None:
    assert len(CHECKS) == 8
    for one in CHECKS.values():
        assert one.title
        assert set(one.documentation) - {"Verify"} == {"Why", "Mistaken when", "Remedy"}
        assert one.name.startswith("redis.")


@pytest.mark.parametrize(
    ("name", "guilty", "innocent"),
    [
        ("redis.keys-command", ("KEYS", "user:*"), ("SCAN", "0")),
        ("redis.full-collection-read", ("HGETALL", "h"), ("HGET", "h", "f")),
        ("redis.full-collection-read", ("SMEMBERS", "s"), ("SISMEMBER", "s", "m")),
        ("redis.full-collection-read", ("LRANGE", "l", "0", "-1"), ("LRANGE", "l", "0", "99")),
        ("redis.blocking-delete", ("DEL", "big"), ("UNLINK", "big")),
        ("redis.blocking-delete", ("FLUSHALL",), ("DBSIZE",)),
        ("redis.slow-script", ("EVAL", "x", "0"), ("EXEC",)),
        ("redis.large-command", ("SET", "k", "v... (2000000 more bytes)"), ("SET", "k", "v")),
        ("redis.large-command", ("MGET", "k", "... (1970 more arguments)"), ("MGET", "k", "l")),
        ("redis.server-stalled", ("INCR", "k"), ("GET", "k")),
    ],
)
def test_found_and_not_found(name: str, guilty: tuple[str, ...], innocent: tuple[str, ...]) -> None:
    (found,) = run(name, command(*guilty))
    assert "20.0 ms" in found.message
    assert found.remedy.text
    assert not run(name, command(*innocent))
    if name != "redis.large-command":  # its size counts, not its time
        assert not run(name, command(*guilty, ms=0.5))


def test_who_ran_it_is_evidence() -> None:
    (found,) = run("redis.keys-command", command("KEYS", "*"))
    assert found.evidence["clients"] == "web"
    assert found.evidence["time_share_ratio"] == 1.0


def test_one_stall_is_none() -> None:
    assert not run("redis.server-stalled", command("INCR", "k", calls=1))


def slowlog(entries: int, minutes: float, max_entries: int | None = 128) -> Slowlog:
    kept = tuple(
        Entry(n, NOW - timedelta(minutes=minutes), 20, ("GET", "k")) for n in range(entries)
    )
    return Slowlog(kept, entries, entries - 1, 10_000, max_entries, NOW)


def test_slowlog_overflow() -> None:
    check = CHECKS["redis.slowlog-overflow"]
    (found,) = check(slowlog(128, 5))
    assert found.level is Level.info
    assert found.message == "all 128 entries are of the last 5 min"
    assert found.remedy.config == "slowlog-max-len 1024"
    assert not check(slowlog(128, 90))  # it goes back long enough
    assert not check(slowlog(127, 5))
    assert not check(slowlog(128, 5, None))
    assert not check(slowlog(0, 5))


def test_pipelines_missing() -> None:
    from dbtune.redis.checks.pipelines_missing import pipelines_missing
    from dbtune.redis.facts.info import Info

    busy = {
        "total_commands_processed": 50_000, "total_reads_processed": 49_000,
        "total_net_input_bytes": 2_500_000, "connected_clients": 5,
    }  # fmt: skip

    def found(**changed: int) -> list[Finding]:
        fields = {name: str(value) for name, value in {**busy, **changed}.items()}
        return pipelines_missing(Info(fields, 0.0, {}, 10.0))

    assert "1.02 with each read of a socket" in found()[0].message
    assert found(total_reads_processed=10_000) == []  # five at a time
    assert found(total_commands_processed=19_000) == []
    assert found(total_net_input_bytes=50_000_000) == []  # large ones
    assert found(connected_clients=300) == []  # each sends few
    assert found(total_reads_processed=0) == []  # before 6.0 it is not told
