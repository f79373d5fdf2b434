"""bloat on a real Redis: memory by pattern, large keys, keys without TTL, least privilege."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.redis.memory.facts import Counter
from dbtune.redis.memory.scan import Key, Lost, Scanner, ServerSays
from dbtune.redis.memory.table import reading
from tests.command import dbtune
from tests.servers import Redis


def fill(server: Redis) -> None:
    with server.client() as client:
        pipe = client.pipeline(transaction=False)
        for n in range(3000):
            pipe.set(f"user:{n}:name", "x" * (n % 50), ex=3600)
            if n % 3:
                pipe.set(f"session:{n:08x}", "y" * 100, ex=600 if n % 5 else None)
        for n in range(400):
            pipe.hset(f"cart:{n}", mapping={"a": n, "b": n})
        pipe.set("report", "z" * 2_000_000)
        pipe.set("odd\r\n$5\r\nkey \x1b[31m", "1")
        pipe.rpush("queue:mail", *range(500))
        pipe.execute()


def told(server: Redis, *more: str, **keywords: Any) -> Any:
    url = server.url(**keywords)
    return dbtune("bloat", url, "-f", "json", *more).ok().json


def test_memory_by_pattern_type_and_size(redis_server: Redis) -> None:
    fill(redis_server)
    report = told(redis_server)
    jsonschema.validate(report, dbtune("schema", "bloat").ok().json)
    patterns = {one["pattern"]: one for one in report["patterns"]}
    assert patterns["user:*:name"]["keys"] == 3000
    assert patterns["user:*:name"]["no_ttl_ratio"] == 0
    assert patterns["session:*"]["keys"] == 2000
    assert patterns["session:*"]["no_ttl_ratio"] == pytest.approx(0.2, abs=0.01)
    assert patterns["cart:*"]["types"] == "hash"
    assert report["largest"][0]["pattern"] == "report"
    assert report["memory"]["keys"] == report["memory"]["sampled_keys"] == 5403
    with redis_server.client() as client:
        truth = sum(int(client.memory_usage(key) or 0) for key in client.scan_iter(count=1000))
    assert sum(one["size_bytes"] for one in report["types"]) == truth
    found = {one["rule"]: one for one in report["findings"]}
    assert found["redis.big-key"]["subject"] == "string report"
    assert found["redis.keys-without-ttl"]["subject"] == "session:*"
    assert "redis.large-keys-unseen" not in found
    table = dbtune("bloat", redis_server.url(), env={"COLUMNS": "80"}).ok().out
    refused = dbtune("bloat", redis_server.url(), "--schema", "x")
    assert (refused.code, "--schema is for PostgreSQL and MongoDB" in refused.err) == (2, True)
    assert "\x1b" not in table.replace("\x1b[0m", "")


def test_what_looks_at_keys_is_not_told_as_slow(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"slowlog-log-slower-than": "0", "slowlog-max-len": "100000"})
    fill(server)
    told(server)
    with server.client() as client:
        entries = client.slowlog_get(100_000)
    looks = [one for one in entries if one["command"].startswith((b"SCAN", b"MEMORY", b"TYPE"))]
    assert len(looks) > 5403
    assert {one["client_name"] for one in looks} == {b"dbtune"}  # slow-queries leaves these out


def test_no_access_is_counted_as_a_use(redis_server: Redis) -> None:
    fill(redis_server)
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        idle = client.object("idletime", "cart:7")
        report = told(redis_server)
        assert client.object("idletime", "cart:7") >= idle
        assert any("keyspace_hits" in note for note in report["notes"])
        client.config_set("maxmemory-policy", "noeviction")


def test_statistics_only_looks_at_no_key(redis_server: Redis) -> None:
    fill(redis_server)
    report = told(redis_server, "--statistics-only")
    assert "patterns" not in report
    assert report["memory"]["used_bytes"] > 0
    assert report["skipped"][0]["what"] == "keys"


def test_least_privilege(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start()
    fill(server)
    with server.client() as client:
        base = ("+info", "+client|setname", "+config|get", "+slowlog|get")
        client.acl_setuser("few", enabled=True, passwords=["+secret"], commands=list(base))
        client.acl_setuser(
            "least",
            enabled=True,
            passwords=["+secret"],
            keys=["*"],
            commands=[*base, "+scan", "+type", "+pttl", "+memory|usage"],
        )
    assert told(server, user="least", password="secret")["patterns"]
    refused = told(server, user="few", password="secret")
    assert "patterns" not in refused
    assert refused["skipped"][0]["remedy"] == ("ACL SETUSER few ~* +scan +memory|usage +type +pttl")


@pytest.mark.parametrize("number", [0, 3])
def test_databases(redis_server: Redis, number: int) -> None:
    fill(redis_server)
    with redis_server.client() as client:
        client.select(3)
        client.set("only:1", "x")
    report = dbtune("bloat", redis_server.url(number), "-f", "json").ok().json
    patterns = {one["pattern"] for one in report["patterns"]}
    assert ("only:*" in patterns) is (number == 3)
    assert ("cart:*" in patterns) is (number == 0)


# ------------------------------------------------------------------------------------- the parser


class Answering:
    """A socket of a server that answers in pieces what it is told to.

    Args:
        scans: its answers to SCAN.
        others: its answers to other commands.
        size: of a piece.

    Attributes:
        asked: how many commands each write had.
    """

    def __init__(self, scans: Iterable[bytes], others: Iterable[bytes], size: int) -> None:
        self._scans = itertools.chain([answer(b"7", [])] * 3, scans)  # it looks how far it is
        self._others, self._size = iter(others), size
        self._data = b""
        self.asked: list[int] = []

    def sendall(self, data: bytes) -> None:
        names = list(commands(data))
        self.asked.append(len(names))
        for name in names:
            self._data += next(self._scans if name == b"SCAN" else self._others, b"")

    def recv(self, size: int) -> bytes:
        piece, self._data = self._data[: self._size], self._data[self._size :]
        return piece


def commands(data: bytes) -> Iterator[bytes]:
    """The first words of whole commands; others may hold anything."""
    at = 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        parts, at = int(data[at + 1 : end]), end + 2
        for part in range(parts):
            start = data.index(b"\r\n", at) + 2
            end = start + int(data[at + 1 : start - 2])
            if part == 0:
                yield data[start:end]
            at = end + 2


def answer(cursor: bytes, names: Sequence[bytes]) -> bytes:
    bulk = b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in names)
    return b"*2\r\n$%d\r\n%b\r\n*%d\r\n%b" % (len(cursor), cursor, len(names), bulk)


KEY = (b":50\r\n", b"+string\r\n", b":-1\r\n")


@given(
    st.lists(st.lists(st.binary(max_size=20), max_size=30), min_size=1, max_size=5),
    st.integers(1, 30),
)
def test_any_names_in_any_pieces(scans: list[list[bytes]], size: int) -> None:
    answers = [answer(b"7", names) for names in scans[:-1]] + [answer(b"0", scans[-1])]
    socket = Answering(answers, itertools.cycle(KEY), size)
    found = [key for one in Scanner(socket).batches() for key in one]
    assert [key.name for key in found] == [name for names in scans for name in names]
    assert all(key[1:] == ("string", 50, -1) for key in found)
    assert max(socket.asked) <= 13  # so long does it hold up the server's other clients


def test_keys_that_are_gone_errors_and_a_lost_connection() -> None:
    def read(scan: bytes, *others: bytes) -> list[Key]:
        socket = Answering([scan], others, 99)
        return [key for one in Scanner(socket).batches() for key in one]

    two = answer(b"0", [b"a", b"b"])
    gone = (b"$-1\r\n", b"+none\r\n", b":-2\r\n", b":9\r\n", b"+set\r\n", b":5\r\n")
    assert read(two, *gone) == [Key(b"b", "set", 9, 5)]
    with pytest.raises(ServerSays, match="NOPERM no"):
        read(two, b"-NOPERM no\r\n", *gone[1:])
    with pytest.raises(ServerSays, match="ERR x"):
        read(b"-ERR x\r\n")
    with pytest.raises(Lost):
        read(two, *gone[:3])


def clock(*seconds: float, then: float) -> Callable[[], float]:
    """A clock that is read before each question and after its answer, and what passes between."""
    waits = itertools.chain(seconds, itertools.repeat(then))
    passed = itertools.accumulate((s for wait in waits for s in (wait, 0.0)), initial=0.0)
    return lambda: next(passed)


@pytest.mark.parametrize(
    ("there_and_back", "writes"), [(0.00002, 3), (0.0005, 16), (0.1, 100)], ids=str
)
def test_as_much_is_on_its_way_as_it_is_long(there_and_back: float, writes: int) -> None:
    socket = Answering([answer(b"0", [b"a"] * 1000)], itertools.cycle(KEY), 1 << 16)
    scanner = Scanner(socket, clock(then=there_and_back))
    next(scanner.batches())
    assert scanner.writes == writes
    assert max(socket.asked) == 12


def test_a_server_that_takes_long_is_asked_less() -> None:
    socket = Answering([answer(b"0", [b"a"] * 1000)], itertools.cycle(KEY), 1 << 16)
    scanner = Scanner(socket, clock(*[0.001] * 4, *[0.5] * 20, then=0.001))
    batches = scanner.batches()
    next(batches)
    assert scanner.writes == 1
    for _ in batches:
        pass
    assert scanner.writes == 33


def test_memory_stays_bounded_whatever_the_names() -> None:
    counter = Counter(20)
    counter.add(
        Key(f"{chr(97 + n % 26)}{n}:x{n % 7919}y".encode(), "string", n, -1) for n in range(60_000)
    )
    found = counter.done()
    assert found.seen == 60_000
    assert len(found.patterns) <= 5001
    assert [key.size for key in found.largest] == list(range(59_999, 59_979, -1))


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (
            {
                "used_memory": "1000000",
                "used_memory_rss": "9000000",
                "used_memory_peak": "1000000",
                "mem_fragmentation_ratio": "9",
            },
            "nothing worth a word",
        ),
        (
            {
                "used_memory": "4000000000",
                "used_memory_rss": "2000000000",
                "mem_fragmentation_ratio": "0.5",
            },
            "swapped out",
        ),
        (
            {
                "used_memory": "1000000000",
                "used_memory_rss": "2000000000",
                "allocator_frag_ratio": "1.9",
                "allocator_frag_bytes": "900000000",
                "mem_fragmentation_ratio": "2",
            },
            "fragmented",
        ),
        (
            {
                "used_memory": "1000000000",
                "used_memory_rss": "2000000000",
                "allocator_frag_ratio": "1.0",
                "used_memory_peak": "2000000000",
                "mem_fragmentation_ratio": "2",
            },
            "it was larger",
        ),
        (
            {
                "used_memory": "1000000000",
                "used_memory_rss": "1300000000",
                "allocator_frag_ratio": "1.0",
                "allocator_rss_bytes": "250000000",
                "mem_fragmentation_ratio": "1.3",
            },
            "MEMORY PURGE",
        ),
        ({}, ""),
    ],
)
def test_ratios_are_read_together(info: dict[str, str], said: str) -> None:
    assert said in reading(info)


def test_large_keys_outside_a_sample_are_suspected(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(redis_server)
    with redis_server.client() as client:
        client.set("giant", "x" * 80_000_000)
    monkeypatch.setattr("dbtune.redis.memory.collect.SAMPLE_KEYS", 500)
    report = told(redis_server)
    rules = {one["rule"] for one in report["findings"]}
    seen = {one["pattern"] for one in report["largest"]}
    assert "giant" in seen or "redis.large-keys-unseen" in rules
    assert any("keys were looked at" in note for note in report["notes"])


def test_data_of_other_databases_is_not_taken_for_large_keys(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(redis_server)
    with redis_server.client() as client:
        client.select(5)
        client.mset({f"elsewhere:{n}": "x" * 1_000_000 for n in range(80)})
        monkeypatch.setattr("dbtune.redis.memory.collect.SAMPLE_KEYS", 500)
        report = told(redis_server)
        client.flushdb()
    assert "redis.large-keys-unseen" not in {one["rule"] for one in report["findings"]}
    assert "redis.large-keys-unseen" in {one["what"] for one in report["skipped"]}
    assert report["memory"]["unexplained_bytes"] is None
    assert "only database 0 was read: 80 keys more in others" in report["notes"]
    assert not any("not explained" in note for note in report["notes"])


# ------------------------------------------------------------------------------ compact encodings


def encodings_of(server: Redis, **keywords: Any) -> dict[str, Any]:
    found = told(server, **keywords)["findings"]
    return {one["subject"]: one for one in found if one["rule"] == "redis.compact-encoding-ends"}


def test_collections_near_the_end_of_their_compact_encoding(
    new_redis: Callable[[], Redis],
) -> None:
    conf = {"hash-max-listpack-entries": 128, "set-max-intset-entries": 512}
    server = new_redis().start(conf)
    with server.client() as client:
        pipe = client.pipeline(transaction=False)
        for number in range(100):
            fields = {f"f{n}": n for n in range(120 if number % 10 == 0 else 20)}
            pipe.hset(f"near:{number}", mapping=fields)
            pipe.hset(f"far:{number}", mapping={f"f{n}": n for n in range(100)})
            pipe.sadd(f"ids:{number}", *range(600 if number % 5 == 0 else 10))
            pipe.hset(f"long:{number}", mapping={"a": "x" * (70 if number < 10 else 5)})
        pipe.execute()
    found = encodings_of(server)
    assert set(found) == {"hash near:*", "set ids:*", "hash long:*"}
    assert "10.0 % have at least 80.0 % of the 128 elements" in found["hash near:*"]["message"]
    assert found["hash near:*"]["remedy"]["config"] == "hash-max-listpack-entries 256"
    assert "20.0 % are no longer intset" in found["set ids:*"]["message"]
    assert found["set ids:*"]["evidence"]["times_the_memory"] > 1.5
    assert "a long element did it" in found["hash long:*"]["message"]
    assert found["hash long:*"]["remedy"]["config"] == ""


def test_lengths_are_not_read_where_that_would_count_as_a_use(
    new_redis: Callable[[], Redis],
) -> None:
    server = new_redis().start({"maxmemory-policy": "allkeys-lfu", "maxmemory": "100mb"})
    with server.client() as client:
        for number in range(100):
            client.sadd(f"ids:{number}", *range(600 if number % 5 == 0 else 10))
        before = [client.object("freq", f"ids:{number}") for number in range(100)]
        report = told(server)
        assert [client.object("freq", f"ids:{number}") for number in range(100)] <= before
    reasons = [one["reason"] for one in report["skipped"]]
    version = tuple(map(int, report["target"]["server"].split()[1].split(".")[:2]))
    assert any("lengths are not read" in one for one in reasons) is (version < (7, 2))
    found = {one["subject"] for one in report["findings"]}
    assert "set ids:*" in found  # encodings alone tell that some were converted
