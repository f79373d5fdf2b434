"""Generated redis.conf and mongod.conf start real servers, and change what a running one lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbtune.mongo import configuration as mongo
from dbtune.redis import configuration as redis
from dbtune.redis.configuration import Role
from dbtune.server_settings import Version, parse_version
from tests.command import dbtune
from tests.servers import MongoDB, Redis


def told(server: Redis, name: str) -> str:
    """A setting as the running server has it."""
    values: Any = server.client().config_get(name)
    return str(values[name])


@pytest.mark.parametrize("role", Role)
def test_redis_starts_with_the_file_and_then_lacks_nothing(
    role: Role, new_redis: Callable[[], Redis]
) -> None:
    plain = new_redis().start()
    ask = ("gen-config", "redis", "--role", role, "--ram", "4GB", "--cpus", "8", "--clients", "500")
    made = dbtune(*ask, plain.url()).ok().out
    # What should change on a server that runs on its defaults makes one that lacks nothing.
    server = new_redis().start(made)
    left = dbtune(*ask, server.url(), "-f", "json").ok().json
    assert left["server_settings"] == []
    assert told(server, "maxclients") == "625"
    assert told(server, "maxmemory-policy") == redis.POLICIES[role][0]
    again = dbtune(*ask, server.url()).ok()
    assert "# Nothing should change." in again.out


def test_a_smaller_limit_of_redis_is_kept_and_told(new_redis: Callable[[], Redis]) -> None:
    server = new_redis().start("maxmemory 64mb")

    def asked(*options: str) -> tuple[list[str], str]:
        found = dbtune("gen-config", "redis", server.url(), "-f", "json", *options).ok().json
        return [row["setting"] for row in found["server_settings"]], " ".join(found["notes"])

    settings, notes = asked()
    assert "maxmemory" not in settings
    assert f"maxmemory stays at {64 << 20}, not " in notes
    settings, notes = asked("--ram", "1GB")
    assert "maxmemory" in settings
    assert "stays at" not in notes
    server.client().config_set("maxmemory", 1 << 45)
    assert "maxmemory" in asked()[0]
    server.client().config_set("maxmemory", 0)
    settings, notes = asked()
    assert "maxmemory" in settings
    assert "stays at" not in notes


@given(
    ram=st.integers(redis.LEAST_RAM, 1 << 45),
    role=st.sampled_from(Role),
    clients=st.none() | st.integers(1, 1_000_000),
    version=st.sampled_from([(6, 0), (6, 2), (7, 0), (7, 2), (8, 0)]),
)
def test_redis_stays_within_ram(
    ram: int, role: Role, clients: int | None, version: Version
) -> None:
    inputs = redis.Inputs(ram, "given", role, 8, version, clients)
    made = {one.name: one for one in redis.settings(inputs)}
    assert int(made["maxmemory"].as_told) <= 0.75 * ram
    assert int(made["maxmemory"].as_told) >= 0.5 * ram
    assert ("maxmemory-clients" in made) == (version >= (7, 0))
    text = redis.generate(inputs).artifacts[0].text
    for line in text.splitlines():
        assert line == "" or line.startswith("#") or len(line.split(" ", 1)) == 2


def test_mongod_starts_with_the_file_and_then_lacks_nothing(
    new_mongodb: Callable[[], MongoDB],
) -> None:
    ask = ("gen-config", "mongod", "--ram", "1536MB", "--clients", "200")
    made = dbtune(*ask, "--mongodb-version", "5.0").ok().out
    # mongod of a test has no users, and is no member of a set.
    wanted = yaml.safe_load(made)
    assert wanted.pop("security") == {"authorization": "enabled"}
    assert wanted["storage"].pop("oplogMinRetentionHours") == 24
    server = new_mongodb()
    server.start("--config", str(server.write("mongod.conf", yaml.safe_dump(wanted))))
    left = dbtune(*ask, server.url(), "-f", "json").ok().json["server_settings"]
    assert [row["setting"] for row in left] == ["security.authorization"]


def test_a_running_mongod_is_told_what_it_lacks(mongodb: MongoDB) -> None:
    rows = dbtune("gen-config", "mongod", "--ram", "64GB", mongodb.url(), "-f", "json").ok().json
    made = {row["setting"]: row for row in rows["server_settings"]}
    cache = made["storage.wiredTiger.engineConfig.cacheSizeGB"]
    assert cache["value"] == "31.50"
    assert float(cache["old_value"]) < 20
    assert "63.0" not in cache["formula"]
    assert rows["target"]["engine"] == "mongodb"
    # Tests give it less than it would take: without --ram that is taken to be on purpose.
    kept = dbtune("gen-config", "mongod", mongodb.url(), "-f", "json").ok().json
    names = [row["setting"] for row in kept["server_settings"]]
    assert "storage.wiredTiger.engineConfig.cacheSizeGB" not in names
    assert "cacheSizeGB stays at 0.25, not " in " ".join(kept["notes"])


@given(
    ram=st.integers(mongo.LEAST_RAM, 1 << 45),
    members=st.integers(1, 50),
    clients=st.none() | st.integers(1, 1_000_000),
    rate=st.none() | st.floats(0, 1e15),
    version=st.sampled_from([(4, 4), (5, 0), (6, 0), (7, 0), (8, 0)]),
)
def test_mongod_conf_is_yaml_and_within_ram(
    ram: int, members: int, clients: int | None, rate: float | None, version: Version
) -> None:
    inputs = mongo.Inputs(ram, "given", version, members, clients, rate)
    made = yaml.safe_load(mongo.generate(inputs).artifacts[0].text)
    cache = made["storage"]["wiredTiger"]["engineConfig"]["cacheSizeGB"]
    assert cache >= 0.25
    assert cache == 0.25 or cache * members * 1024**3 <= ram / 2
    assert ("oplogSizeMB" in made.get("replication", {})) == (rate is not None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("redis", "--ram", "1MB"), "is too little: 64.0 MiB at least"),
        (("redis", "--redis-version", "5"), "is the oldest that settings are made for"),
        (("redis", "--redis-version", "new"), "is no version of Redis"),
        (("redis", "--role", "database"), "is not one of 'cache'"),
        (("mongod", "--ram", "100MB"), "is too little: 512 MiB at least"),
        (("mongod", "--mongodb-version", "3.6"), "is the oldest that settings are made for"),
    ],
)
def test_mistakes_get_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = dbtune("gen-config", *arguments)
    assert result.code == 2
    assert words in result.err


@pytest.mark.parametrize(
    ("text", "version"),
    [("7", (7, 0)), (" 7.2 ", (7, 2)), ("7.2.4", (7, 2)), ("8.0.0-rc5", (8, 0))],
)
def test_versions_as_servers_tell_them(text: str, version: Version) -> None:
    assert parse_version(text, "Redis", (6, 0), "7.2") == version
