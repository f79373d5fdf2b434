"""slow-queries on a real redis-server: what is told, what is not, with how little privilege."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
import redis

from dbtune.cli.slow_queries import TABLES
from dbtune.errors import TargetError
from dbtune.profile import profile_from_url
from dbtune.redis.session import READS, Session
from dbtune.render.document import schema as json_schema
from dbtune.session import Limits
from tests import servers
from tests.command import Result, dbtune
from tests.conftest import missing
from tests.servers import MongoDB, Postgres, Redis

SECRET = "secretvalue4711"
PASSWORD = "hunter2secret"
LEAST = ("resetkeys", "resetchannels", "-@all", "+slowlog|get", "+info", "+config|get")


def workload(client: redis.Redis) -> None:
    """Each planted problem so often that its count can be recognised."""
    pipe = client.pipeline()
    for number in range(30_000):
        pipe.hset("big:hash", f"field{number}", SECRET)
        pipe.rpush("queue:jobs", f"{SECRET}{number}")
    for number in range(300):
        pipe.set(f"user:{number}:name", SECRET)
    pipe.execute()
    client.slowlog_reset()
    for number in range(5):
        client.get(f"user:{number}:name")
    client.set("user:1:name", SECRET * 200_000)
    for _ in range(3):
        client.keys("user:*")
    for _ in range(2):
        client.hgetall("big:hash")
        client.lrange("queue:jobs", 0, -1)
    client.mget([f"user:{number}:name" for number in range(40)])
    client.eval("return redis.call('get', KEYS[1])", 1, "user:2:name", SECRET)
    client.delete("big:hash")


@pytest.fixture(scope="module")
def secured() -> Iterator[Redis]:
    """A Redis with users, which keeps every command, after the workload."""
    if servers.find_redis() is None:
        missing("redis-server")
    with Redis() as server:
        conf = {"slowlog-log-slower-than": 0, "slowlog-max-len": 1000}
        server.start(conf, password=PASSWORD)
        with server.client() as client:
            for name, rules in {
                "least": (*LEAST, "+client|setname"),
                "slowonly": ("-@all", "+slowlog|get"),
                "infoonly": ("-@all", "+info"),
                "nobody": ("-@all",),
            }.items():
                client.execute_command("ACL", "SETUSER", name, "on", f">{PASSWORD}", *rules)
            client.execute_command("CLIENT", "SETNAME", "shop")
            workload(client)
        yield server


def url(server: Redis, user: str, password: str = PASSWORD) -> str:
    return server.url(user=user, password=password)


def statement(result: Result, text: str, *, nested: bool = False) -> Any:
    """The statement with exactly this text."""
    rows = result.ok().json["statements"]
    found = [one for one in rows if one["statement"] == text and one["nested"] == nested]
    assert len(found) == 1, [one["statement"] for one in rows]
    return found[0]


# ---------------------------------------------------------------------------------- what it tells


@pytest.fixture(scope="module")
def told(secured: Redis) -> Result:
    return dbtune("slow-queries", url(secured, "least"), "-f", "json", "-n", "1000").ok()


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("GET user:*:name", 5),
        ("SET user:*:name", 1),
        ("KEYS user:*", 3),
        ("HGETALL big:hash", 2),
        ("LRANGE queue:jobs", 2),
        ("MGET user:*:name …", 1),
        ("EVAL user:*:name", 1),
        ("DEL big:hash", 1),
    ],
)
def test_patterns(told: Result, text: str, calls: int) -> None:
    one = statement(told, text)
    assert one["calls"] == calls
    assert one["max_ms"] >= one["mean_ms"] >= one["min_ms"] >= 0
    assert one["total_ms"] == pytest.approx(one["mean_ms"] * calls, abs=0.001)


def test_what_a_script_calls_is_told_apart(told: Result) -> None:
    assert statement(told, "GET user:*:name", nested=True)["calls"] == 1
    assert any("commands that a script called" in note for note in told.json["notes"])


def test_no_value_and_no_password_shows(told: Result) -> None:
    assert SECRET not in told.out + told.err
    assert PASSWORD not in told.out + told.err


def test_findings(told: Result) -> None:
    found = {one["rule"]: one for one in told.json["findings"]}
    assert found["redis.large-command"]["subject"] == "SET user:*:name"
    assert found["redis.large-command"]["evidence"]["max_argument_bytes"] > 2_900_000
    assert "redis.slowlog-overflow" not in found
    assert found["redis.large-command"]["evidence"]["clients"] == "shop"


def test_a_profiles_thresholds(secured: Redis, tmp_path: Any) -> None:
    """What counts as slow is set in the profile: here a hundredth of a millisecond."""
    config = tmp_path / "dbtune.yaml"
    rules = ("redis.keys-command", "redis.full-collection-read", "redis.blocking-delete")
    lines = [f"      {rule}: {{min_max_ms: 0.01}}" for rule in rules]
    text = f"profiles:\n  cache:\n    url: {url(secured, 'least')}\n    thresholds:\n"
    config.write_text(text + "\n".join(lines) + "\n")
    config.chmod(0o600)
    result = dbtune("slow-queries", "cache", "-f", "json", env={"DBTUNE_CONFIG": str(config)}).ok()
    found = {(one["rule"], one["subject"]) for one in result.json["findings"]}
    assert ("redis.keys-command", "KEYS user:*") in found
    assert ("redis.full-collection-read", "HGETALL big:hash") in found
    assert ("redis.full-collection-read", "LRANGE queue:jobs") in found
    assert ("redis.blocking-delete", "DEL big:hash") in found
    assert result.json["target"]["name"] == "cache"


def test_header_notes_and_schema(told: Result) -> None:
    jsonschema.validate(told.json, json_schema("slow-queries", TABLES))
    target = told.json["target"]
    assert (target["engine"], target["role"], target["user"]) == ("redis", "master", "least")
    assert target["server"].startswith("Redis ")
    assert any("every command is kept" in note for note in told.json["notes"])
    assert any("execution only" in note for note in told.json["notes"])
    assert not told.json["skipped"]


def test_dbtune_leaves_itself_out_and_only_reads(secured: Redis) -> None:
    for _ in range(2):
        result = dbtune("slow-queries", url(secured, "least"), "-f", "json", "-n", "1000").ok()
    texts = {one["statement"] for one in result.json["statements"]}
    with secured.client() as client:
        client.response_callbacks.clear()
        entries: Any = client.execute_command("SLOWLOG", "GET", -1)
    ours = [entry[3] for entry in entries if entry[5] == "dbtune"]
    assert ours
    others = [entry[3] for entry in entries if entry[5] != "dbtune"]  # other tests' clients
    asked = {words[0] for words in others} | {" ".join(words[:2]) for words in others}
    assert texts & {"SLOWLOG GET", "CONFIG GET", "INFO"} <= asked
    assert {" ".join(words[:2]) for words in ours} | {words[0] for words in ours} >= {"INFO"}
    for words in ours:
        assert {words[0], " ".join(words[:2])} & READS


@pytest.mark.parametrize("width", [80, 200])
def test_for_people(secured: Redis, width: int) -> None:
    mine = ("slow-queries", url(secured, "least"), "-n", "1000")
    result = dbtune(*mine, env={"COLUMNS": str(width)}).ok()
    assert "KEYS user:*" in result.out
    assert "Findings:" in result.out


@pytest.mark.parametrize("form", ["ndjson", "csv", "markdown"])
def test_every_format(secured: Redis, form: str) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "-n", "1000", "--format", form).ok()
    assert "KEYS user:" in result.out


def test_verbose_shows_each_command(secured: Redis) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "-v").ok()
    assert "SLOWLOG GET" in result.err
    assert PASSWORD not in result.err


# ------------------------------------------------------------------------------------- selection


def test_what_does_not_apply_is_said(secured: Redis) -> None:
    result = dbtune(
        *("slow-queries", url(secured, "least"), "-f", "json"),
        *("--user", "joe", "--database", "3", "--by", "rows"),
    ).ok()
    notes = " ".join(result.json["notes"])
    assert "--user was not applied" in notes
    assert "--database was not applied" in notes
    assert "Redis does not tell rows" in notes
    assert result.json["statements"]


def test_grep_and_min_calls(secured: Redis) -> None:
    mine = ("slow-queries", url(secured, "least"), "-f", "json", "-n", "1000")
    found = dbtune(*mine, "--grep", "^keys", "--min-calls", "2").ok().json["statements"]
    assert [one["statement"] for one in found] == ["KEYS user:*"]
    nothing = dbtune(*mine, "--grep", "no such command").ok().json
    assert nothing["statements"] == []
    assert nothing["summary"]["source"] == "SLOWLOG"


def test_interval(secured: Redis) -> None:
    """Only what was run in the interval, although the same was kept before, too."""
    enough = threading.Event()

    def run() -> None:
        with secured.client() as client:
            while not enough.wait(0.1):
                client.get("interval:17")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        result = dbtune(
            "slow-queries", url(secured, "least"), "--interval", "2s", "-f", "json", "-n", "1000"
        ).ok()
    finally:
        enough.set()
        thread.join()
    window = result.json["summary"]["window_seconds"]
    assert window > 1.9
    assert 1 <= statement(result, "GET interval:*")["calls"] <= 10 * window + 2
    assert result.json["summary"]["source"] == "SLOWLOG (interval)"
    assert "KEYS user:*" not in {one["statement"] for one in result.json["statements"]}


def test_interval_in_which_entries_are_driven_out(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"slowlog-log-slower-than": 0, "slowlog-max-len": 10})
    enough = threading.Event()

    def run() -> None:
        with server.client() as client:
            while not enough.wait(0.01):
                client.ping()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        result = dbtune("slow-queries", server.url(), "--interval", "1s", "-f", "json").ok()
    finally:
        enough.set()
        thread.join()
    assert any("were driven out meanwhile" in note for note in result.json["notes"])


# ------------------------------------------------------------------------------------- privileges


def test_with_slowlog_only(secured: Redis) -> None:
    result = dbtune("slow-queries", url(secured, "slowonly"), "-f", "json").ok()
    assert result.json["statements"]
    (skipped,) = result.json["skipped"]
    assert "user slowonly may not run CONFIG GET" in skipped["reason"]
    assert skipped["remedy"] == "ACL SETUSER slowonly +config|get"
    assert result.json["target"]["server"] == "Redis"
    assert dbtune("slow-queries", url(secured, "slowonly"), "--strict").code == 4


def test_with_info_only_the_totals_are_told(secured: Redis) -> None:
    result = dbtune("slow-queries", url(secured, "infoonly"), "-f", "json", "-n", "1000").ok()
    assert result.json["summary"]["source"] == "INFO commandstats"
    assert statement(result, "KEYS")["calls"] == 3
    remedies = {one["remedy"] for one in result.json["skipped"]}
    assert "ACL SETUSER infoonly +slowlog|get" in remedies


def test_with_nothing(secured: Redis) -> None:
    result = dbtune("slow-queries", url(secured, "nobody"))
    assert result.code == 3
    for grant in ("+slowlog|get", "+info"):
        assert f"ACL SETUSER nobody {grant}" in result.err
    assert PASSWORD not in result.err


def test_each_check_that_is_skipped_names_its_grant(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "nobody", "on", f">{PASSWORD}")
    told = dbtune("check", url(server, "nobody"), "--interval", "0s", "-f", "json").ok()
    assert told.json["skipped"]
    for one in told.json["skipped"]:
        assert one["remedy"].startswith("ACL SETUSER nobody "), one


def test_the_grants_are_what_is_needed(new_redis: Callable[[], Redis]) -> None:
    """Whoever types the remedies, one after the other, ends with a complete report."""
    server = new_redis().start({"slowlog-log-slower-than": 0})
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "mon", "on", f">{PASSWORD}", "-@all")
        refused = dbtune("slow-queries", url(server, "mon"))
        assert refused.code == 3
        for line in refused.err.splitlines():
            if line.startswith("ACL SETUSER"):
                client.execute_command(line)
        result = dbtune("slow-queries", url(server, "mon"), "-f", "json").ok()
        for one in result.json["skipped"]:
            client.execute_command(one["remedy"])
    assert not dbtune("slow-queries", url(server, "mon"), "-f", "json").ok().json["skipped"]


def test_commands_that_a_managed_service_takes_away(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start('rename-command CONFIG ""\nslowlog-log-slower-than 0\n')
    with server.client() as client:
        client.get("a:1")
    result = dbtune("slow-queries", server.url(), "-f", "json").ok()
    assert statement(result, "GET a:*")
    (skipped,) = result.json["skipped"]
    assert "this server has no CONFIG GET" in skipped["reason"]
    server = new_redis().start('rename-command SLOWLOG ""\n')
    result = dbtune("slow-queries", server.url(), "-f", "json").ok()
    assert result.json["summary"]["source"] == "INFO commandstats"
    assert "this server has no SLOWLOG GET" in result.json["skipped"][0]["reason"]


# -------------------------------------------------------------------------- what SLOWLOG leaves out


def test_an_empty_slowlog(redis_server: Redis) -> None:
    with redis_server.client() as client:
        client.execute_command("SLOWLOG", "RESET")
        client.set("a", 1)
    result = dbtune("slow-queries", redis_server.url(), "-f", "json", "-n", "1000").ok()
    assert result.json["summary"]["source"] == "INFO commandstats"
    assert statement(result, "SET")["calls"] >= 1
    notes = " ".join(result.json["notes"])
    assert "SLOWLOG has no entry" in notes
    assert "ran for 10.0 ms or more (slowlog-log-slower-than)" in notes
    assert "of those only" not in notes


def test_an_interval_without_a_slow_command(redis_server: Redis) -> None:
    with redis_server.client() as client:
        client.execute_command("SLOWLOG", "RESET")
        client.incr("before")
    result = dbtune("slow-queries", redis_server.url(), "--interval", "1s", "-f", "json").ok()
    assert result.json["summary"]["source"] == "INFO commandstats (interval)"
    assert "INCR" not in {one["statement"] for one in result.json["statements"]}


def test_what_dbtune_sends_itself_is_no_load_of_the_server(
    new_redis: Callable[[], Redis],
) -> None:
    server = new_redis().start()
    result = dbtune("slow-queries", server.url(), "--interval", "1s", "-f", "json").ok()
    assert result.json["statements"] == []
    calm = dbtune("activity", server.url()).ok().out
    assert "no client sent a command just now" in calm


@pytest.mark.parametrize(
    "conf", [{"slowlog-log-slower-than": -1}, {"slowlog-max-len": 0}], ids=["off", "no room"]
)
def test_slowlog_off(conf: dict[str, object], new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(conf)
    result = dbtune("slow-queries", server.url(), "-f", "json").ok()
    (skipped,) = result.json["skipped"]
    assert skipped["what"] == "SLOWLOG"
    assert "slowlog-" in skipped["reason"]
    assert "CONFIG SET slowlog-log-slower-than 10000" in skipped["remedy"]
    with server.client() as client:  # what the remedy says
        for line in skipped["remedy"].splitlines()[:2]:
            client.execute_command(*line.partition("#")[0].split())
    assert not dbtune("slow-queries", server.url(), "-f", "json").ok().json["skipped"]


def test_a_slowlog_that_is_full(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start({"slowlog-log-slower-than": 0, "slowlog-max-len": 10})
    with server.client() as client:
        for number in range(30):
            client.get(f"k:{number}")
    result = dbtune("slow-queries", server.url(), "-f", "json").ok()
    (found,) = [one for one in result.json["findings"] if one["rule"] == "redis.slowlog-overflow"]
    assert found["message"].startswith("all 10 entries are of the last")
    assert any("older entries were driven out" in note for note in result.json["notes"])


# ------------------------------------------------------------------------------ kinds of servers


def test_replica(new_redis: Callable[[], Redis]) -> None:
    master = new_redis().start()
    replica = new_redis().start(f"replicaof {master.host} {master.port}\n")
    result = dbtune("slow-queries", replica.url(), "-f", "json").ok()
    assert result.json["target"]["role"] == "replica"
    assert any("what ran on its master is not here" in note for note in result.json["notes"])


def test_cluster_node(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(
        # By default 10,000 above the other port, which need not be one.
        {"cluster-enabled": "yes", "cluster-port": servers.free_port()}
    )
    result = dbtune("slow-queries", server.url(), "-f", "json").ok()
    assert result.json["target"]["role"] == "cluster"
    assert result.json["target"]["nodes"] == [f"{server.host}:{server.port}"]


def test_a_comparison_is_of_the_one_node_that_is_named(
    new_redis: Callable[[], Redis], tmp_path: Any
) -> None:
    server = new_redis().start({"cluster-enabled": "yes", "cluster-port": servers.free_port()})
    before = str(tmp_path / "before.json")
    dbtune("snapshot", server.url(), "-o", before).ok()
    notes = dbtune("compare", before, server.url(), "-f", "json").ok().json["notes"]
    assert any("each node of a cluster counts for itself" in one for one in notes)


def test_sentinel(new_redis: Callable[[], Redis]) -> None:
    server = new_redis()
    port = servers.free_port()
    conf = server.write("sentinel.conf", f"port {port}\nbind {server.host}\n")
    program = servers.find_redis()
    if program is None:
        missing("redis-server")
    process = subprocess.Popen(
        [str(program), str(conf), "--sentinel"],
        stdout=subprocess.DEVNULL,
        cwd=server.folder,
        **servers.run_as(),
    )
    try:
        deadline = time.monotonic() + 120
        while not servers._listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        fails(f"redis://{server.host}:{port}/", 2, "is a Sentinel; name the Redis server")
    finally:
        process.kill()
        process.wait()


def test_valkey_urls_and_tls(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start(tls=True)
    place = server.url().removeprefix("rediss://")
    assert "master" in dbtune("slow-queries", f"valkeys://{place}").ok().out
    fails(f"redis://127.0.0.1:{server.port}/", 3, "if the server demands TLS, use rediss://")
    fails(f"rediss://127.0.0.1:{server.port}/", 3, "certificate verify failed", "ssl_ca_certs")


# ----------------------------------------------------------------------------------------- errors


def fails(target: str, code: int, *parts: str) -> None:
    started = time.monotonic()
    result = dbtune("slow-queries", target)
    assert result.code == code, result.err
    for part in parts:
        assert part in result.err
    assert not result.out
    for word in (PASSWORD, "wrong-password", "Traceback", "bug in dbtune"):
        assert word not in result.err
    assert len([line for line in result.err.splitlines() if "warning:" not in line]) <= 3
    assert time.monotonic() - started < 25  # one try of each address, no repetitions


def test_login_errors(secured: Redis) -> None:
    place = f"{secured.host}:{secured.port}"
    fails(f"redis://{place}/", 3, "Authentication required", "REDISCLI_AUTH")
    fails(f"redis://:wrong-password@{place}/", 3, "invalid username-password pair")
    fails(f"redis://least:wrong-password@{place}/", 3, "check user and password")
    fails(f"redis://:{PASSWORD}@{place}/99", 3, "DB index is out of range")


def test_the_environment_gives_target_and_password(secured: Redis) -> None:
    place = f"redis://{secured.host}:{secured.port}/"
    environment = {"REDIS_URL": place, "REDISCLI_AUTH": PASSWORD}
    result = dbtune("slow-queries", "-n", "1000", env=environment).ok()
    assert "KEYS user:*" in result.out
    assert "warning" not in result.err


def test_a_server_that_is_not_there() -> None:
    fails(f"redis://127.0.0.1:{servers.free_port()}/", 3, "Connection refused", "is the server")
    fails("redis://no-such-host.invalid/", 3, "check the host name")


def test_a_port_of_another_server(pg18: Postgres, mongodb: MongoDB) -> None:
    for port in (pg18.port, mongodb.port):
        fails(f"redis://127.0.0.1:{port}/", 3, "not with Redis' protocol")


def answers(server: Redis) -> bool:
    """Whether it says something within moments."""
    with redis.Redis.from_url(server.url(), socket_timeout=0.2, retry=None) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.TimeoutError:
            return False


def test_a_server_that_is_held_up_or_goes_away(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start()
    limits = Limits(connect_seconds=2, statement_seconds=1)
    busy = "local t = redis.call('time')[1] + 3 repeat until tonumber(redis.call('time')[1]) >= t"
    with (
        Session(profile_from_url(server.url(), "test"), limits) as session,
        server.client() as client,
    ):
        thread = threading.Thread(target=client.eval, args=(busy, 0))
        thread.start()
        while answers(server):
            pass  # until the script runs and nobody else is answered
        with pytest.raises(TargetError, match=r"lost the connection .* Timeout"):
            session.command("SLOWLOG", "GET", 1)
        thread.join()
    with Session(profile_from_url(server.url(), "test"), limits) as session:
        server.stop()
        with pytest.raises(TargetError, match="lost the connection"):
            session.command("SLOWLOG", "GET", 1)


def test_commands_that_come_one_by_one(redis_server: Redis, tmp_path: Any) -> None:
    file = tmp_path / "dbtune.yaml"
    file.write_text(
        f"profiles: {{here: {{url: '{redis_server.url()}', thresholds: {{redis.pipelines-missing: "
        "{min_commands_per_second: 20, min_per_client_per_second: 1}}}}\n"
    )
    file.chmod(0o600)

    def found(at_a_time: int) -> list[Any]:
        """What is found while a client reads so many keys at a time."""
        done = threading.Event()

        def read() -> None:
            with redis_server.client() as client:
                while not done.is_set():
                    pipe = client.pipeline(transaction=False)
                    for number in range(at_a_time):
                        pipe.get(f"k:{number}")
                    pipe.execute()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            told = dbtune(
                "slow-queries", "here", "--interval", "1s", "-f", "json",
                env={"DBTUNE_CONFIG": str(file)},
            ).ok()  # fmt: skip
        finally:
            done.set()
            thread.join()
        return [one for one in told.json["findings"] if one["rule"] == "redis.pipelines-missing"]

    assert len(found(1)) == 1
    assert found(50) == []
