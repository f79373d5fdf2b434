"""Commands with less privilege than the README asks for: what they lack, and what grants it.

MongoDB's other commands are in ``test_mongo_privileges.py``; each engine's own tests have the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.command import Result, dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB, Postgres, Redis

PASSWORD = "hunter2secret"
README = (
    "+slowlog|get +info +config|get +client|setname +client|list +latency|latest +cluster|info ~* "
    "+scan +type +pttl +memory|usage +object|idletime +object|freq +object|encoding "
    "+hlen +scard +zcard"
).split()


def asked(url: str, folder: Path, command: str) -> Result:
    """What a command says; options that name files or a target stand in capitals."""
    words = [url if one == "TARGET" else one.replace("DIR", str(folder)) for one in command.split()]
    found = dbtune(*words)
    assert "Traceback" not in found.err
    assert PASSWORD not in found.out + found.err.replace(url, "")
    return found


# ------------------------------------------------------------------------------------------- Redis


@pytest.fixture(scope="module")
def cached() -> Iterator[Redis]:
    with Redis().start() as server:
        with server.client() as client:
            client.set("a:1", "x", ex=3600)
            for name, rules in {
                "enough": README,
                "few": ["+info", "+slowlog|get"],
                "nobody": [],
            }.items():
                client.execute_command(
                    "ACL", "SETUSER", name, "on", f">{PASSWORD}", "-@all", *rules
                )
        yield server


def redis_url(server: Redis, user: str) -> str:
    return server.url(user=user, password=PASSWORD)


REDIS = (
    "watch TARGET --every 1s --count 1 -o DIR/w",
    "gen-config redis TARGET",
    "report TARGET --interval 0s -f json",
    "cache TARGET --interval 0s -f json",
    "bloat TARGET -f json",
    "snapshot TARGET -o DIR/s -f json",
)


@pytest.mark.parametrize("command", REDIS)
def test_redis_with_what_the_readme_asks_for(cached: Redis, tmp_path: Path, command: str) -> None:
    found = asked(redis_url(cached, "enough"), tmp_path, command).ok()
    assert "may not run" not in found.out
    assert "NOPERM" not in found.out


@pytest.mark.parametrize("user", ["few", "nobody"])
@pytest.mark.parametrize("command", REDIS)
def test_redis_with_less(cached: Redis, tmp_path: Path, user: str, command: str) -> None:
    found = asked(redis_url(cached, user), tmp_path, command)
    told = found.out + found.err
    assert found.code in (0, 3)
    assert f"ACL SETUSER {user} +" in told or f"ACL SETUSER {user} ~* +" in told
    if "json" in command and found.code == 0 and not command.startswith("report"):
        reasons = [one["reason"] for one in json.loads(found.out)["skipped"]]
        if not command.startswith("snapshot"):  # there, each fact is told of
            assert len(reasons) == len(set(reasons)), reasons


def test_a_report_does_not_say_that_all_is_well(cached: Redis, tmp_path: Path) -> None:
    url = redis_url(cached, "nobody")
    told = asked(url, tmp_path, "report TARGET --interval 0s").ok().out
    assert "things could not be examined" in told
    assert "No problem was found in what could be examined." in told


# ------------------------------------------------------------------------------------------ MongoDB


@pytest.fixture(scope="module")
def member() -> Iterator[MongoDB]:
    with own_mongodb() as made:
        made.start(rs=True, auth=True)
        with made.client() as root:
            root.shop.orders.insert_many({"_id": n, "a": n % 10} for n in range(300))
            shop = {"role": "read", "db": "shop"}
            for name, roles in {
                "enough": ["clusterMonitor", shop],
                "monitor": ["clusterMonitor"],
                "reader": [shop],
                "nobody": [],
            }.items():
                root.admin.command("createUser", name, pwd=PASSWORD, roles=roles)
        yield made


MONGODB = (
    "watch TARGET --every 1s --count 1 -o DIR/w",
    "gen-config mongod TARGET",
    "report TARGET --interval 0s -f json",
    "snapshot TARGET -o DIR/s -f json",
    'explain TARGET --collection shop.orders --filter {"a":1}',
    "pool-size TARGET --interval 0s -f json",
)


@pytest.mark.parametrize("command", MONGODB)
def test_mongodb_with_what_the_readme_asks_for(
    member: MongoDB, tmp_path: Path, command: str
) -> None:
    url = member.url(user="enough", password=PASSWORD)
    found = asked(url, tmp_path, command).ok()
    assert "may not read" not in found.out
    assert "sees no database" not in found.out


@pytest.mark.parametrize(
    ("user", "does"),
    [
        ("monitor", ("gen-config", "pool-size")),
        ("reader", ("explain",)),
        ("nobody", ()),
    ],
)
@pytest.mark.parametrize("command", MONGODB)
def test_mongodb_with_less(
    member: MongoDB, tmp_path: Path, user: str, does: tuple[str, ...], command: str
) -> None:
    found = asked(member.url(user=user, password=PASSWORD), tmp_path, command)
    told = (found.out + found.err).replace('\\"', '"')
    if command.split()[0] in does:
        assert found.code == 0
        assert "may not read" not in told
    else:
        assert found.code in (0, 2, 3)
        assert f'grantRolesToUser("{user}", [{{role: "' in told


def test_collections_that_may_not_be_read_are_not_none(member: MongoDB, tmp_path: Path) -> None:
    url = member.url(user="monitor", password=PASSWORD)
    report = asked(url, tmp_path, "snapshot TARGET -o DIR/s -f json").ok().json
    (collections,) = (one for one in report["skipped"] if one["what"] == "collections")
    assert 'role: "read", db: "shop"' in collections["remedy"]
    (level,) = (
        one
        for one in asked(
            member.url(user="reader", password=PASSWORD), tmp_path,
            "check TARGET --interval 0s -f json",
        ).json["skipped"]
        if one["what"] == "mongo.profiler-on"
    )  # fmt: skip
    assert "may not read the profiler's level" in level["reason"]


# --------------------------------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="module")
def shop() -> Iterator[Postgres]:
    with Postgres(18).start({"shared_preload_libraries": "pg_stat_statements"}) as pg:
        pg.psql("CREATE EXTENSION pg_stat_statements")
        with psycopg.connect(pg.dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                f"CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor"
            )
            connection.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
        yield pg


POSTGRESQL = (
    "watch TARGET --every 1s --count 1 -o DIR/w",
    "gen-config postgresql TARGET",
    "report TARGET --interval 0s -f json",
    "cache TARGET -f json",
    "snapshot TARGET -o DIR/s -f json",
    "pool-size TARGET --interval 1s -f json",
)


@pytest.mark.parametrize("user", ["monitor", "plain"])
@pytest.mark.parametrize("command", POSTGRESQL)
def test_postgresql(shop: Postgres, tmp_path: Path, user: str, command: str) -> None:
    url = shop.dsn("postgres", user=user, password=PASSWORD)
    with psycopg.connect(shop.dsn("postgres")) as other:
        other.execute("SELECT 1")
        told = asked(url, tmp_path, command).ok().out
    if user == "plain" and not command.startswith("gen-config"):
        assert "GRANT " in told
        assert '\\"plain\\"' in told or '"plain"' in told
