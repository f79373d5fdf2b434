"""slow-queries on what no test server can be: a mongos, and a service that refuses by half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo.errors import OperationFailure

from dbtune.errors import TargetError, Unavailable
from dbtune.mongo.session import Session
from dbtune.mongo.statements import slow_queries
from dbtune.statements import Selection

RUNNING = {
    "op": "query",
    "ns": "shop.orders",
    "command": {"find": "orders", "filter": {"a": 1}},
    "opid": "shard01:17",
    "microsecs_running": 5000,
}


class Served:
    """Answers like a session of a server whose profiler can't be read."""

    user, database = "mon@admin", ""
    profile = SimpleNamespace(thresholds={})

    def __init__(self, role: str, running: list[dict[str, Any]] | Unavailable) -> None:
        self.role = role
        self._running = running

    def database_names(self) -> list[str]:
        return ["admin", "shop", "blog"]

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def target(self) -> dict[str, object]:
        return {"role": self.role}

    def command(self, database: str, command: Mapping[str, Any]) -> dict[str, Any]:
        raise Unavailable("profile is not allowed in this Atlas tier")

    def documents(self, database: str, command: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if isinstance(self._running, Unavailable):
            raise self._running
        yield from self._running


def served(role: str, running: list[dict[str, Any]] | Unavailable) -> Session:
    return cast(Session, Served(role, running))


def no_wait(
    seconds: float, description: str, every: float = 1, do: Callable[[], None] | None = None
) -> None:
    if do is not None:
        do()


def test_a_mongos_has_no_profiler() -> None:
    report = slow_queries(served("mongos", [RUNNING]), Selection(), no_wait)
    (skipped,) = report.skipped
    assert skipped.what == "system.profile"
    assert "a mongos has no profiler" in skipped.reason
    (row,) = report.tables[0].rows
    assert row["statement"] == "shop.orders.find({a: ?})"
    assert report.tables[1].rows[0]["source"] == "$currentOp (sampled)"


def test_a_refusal_is_told_once_for_all_databases() -> None:
    report = slow_queries(served("primary", [RUNNING]), Selection(), no_wait)
    (skipped,) = report.skipped
    assert skipped.what == "system.profile of shop, blog"
    assert skipped.reason == "profile is not allowed in this Atlas tier"


def test_only_what_is_asked_for() -> None:
    other = slow_queries(served("mongos", [RUNNING]), Selection(database="blog"), no_wait)
    assert not other.tables[0].rows
    user = slow_queries(served("mongos", [RUNNING]), Selection(user="joe"), no_wait)
    assert not user.tables[0].rows
    assert user.tables[0].empty == "no operation was running in 1 samples"


def test_nothing_at_all() -> None:
    refused = Unavailable("mon@admin may not read $currentOp", "grant it")
    with pytest.raises(TargetError, match=r"nothing can be read: .*\ngrant it"):
        slow_queries(served("mongos", refused), Selection(), no_wait)


def test_what_atlas_does_not_allow_is_skipped() -> None:
    """Only Atlas answers so: shared tiers refuse many commands."""
    error = OperationFailure("CMD_NOT_ALLOWED: serverStatus", code=8000)
    session = object.__new__(Session)
    told = session._translate(error, "admin", {"serverStatus": 1})
    assert isinstance(told, Unavailable)
    assert "Atlas does not allow serverStatus here" in told.reason
    assert "M10" in told.remedy
