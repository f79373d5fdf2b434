"""A fresh server with the recommended configuration is healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.command import dbtune
from tests.servers import SUPPORTED, MongoDB, Postgres, Redis

SAFE = "\nfsync = on\nfull_page_writes = on\nsynchronous_commit = on\n"
"""What the fixture turns off for speed; no file of gen-config has to set them."""


def above_info(url: str, env_name: str, *more: str) -> list[dict[str, Any]]:
    made = dbtune("check", "--interval", "1s", "-f", "json", *more, env={env_name: url})
    assert made.code in (0, 1), made.err
    return [one for one in made.json["findings"] if one["level"] != "info"]


@pytest.mark.parametrize("version", [one for one in SUPPORTED if one >= 14])
@pytest.mark.parametrize("role", ["postgres", "watcher"])
def test_postgresql(new_pg: Callable[[int], Postgres], version: int, role: str) -> None:
    server = new_pg(version).start()
    options = ("--ram", "1GB", "--cpus", "2", "--storage", "nvme", "--max-connections", "40")
    made = dbtune("gen-config", "postgresql", "--pg-version", str(version), *options).ok()
    server.restart(made.out + SAFE)
    url = server.dsn()
    if role == "watcher":
        server.psql("CREATE ROLE watcher LOGIN PASSWORD 'p' IN ROLE pg_monitor")
        url = server.dsn("postgres", "watcher", "p")
    # However old the versions are by now.
    assert above_info(url, "DATABASE_URL", "--exclude", "versions") == []


@pytest.mark.parametrize("role", ["cache", "session", "store", "queue"])
def test_redis(new_redis: Callable[[], Redis], role: str) -> None:
    made = dbtune(
        *("gen-config", "redis", "--role", role, "--ram", "1GB", "--redis-version", "6.2")
    ).ok()
    conf = {}
    for line in made.out.splitlines():
        name, _, value = line.partition(" ")
        if name and not name.startswith("#"):
            conf[name] = value
    server = new_redis().start(conf)
    assert above_info(server.url(), "REDIS_URL") == []


def test_mongodb(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(rs=True, auth=True)  # as gen-config mongod says
    # The builds at hand are older than any that is supported.
    assert above_info(server.url(), "MONGODB_URI", "--exclude", "versions") == []
