"""serverStatus: its numbers by dotted name, and what changed while it was watched."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbtune.facts import counters
from dbtune.mongo.session import Session

_SECTIONS = (
    "asserts", "connections", "flowControl", "globalLock", "mem", "metrics.cursor",
    "metrics.document", "metrics.operation", "metrics.query", "metrics.queryExecutor",
    "metrics.ttl", "opcounters", "queues", "storageEngine", "wiredTiger.cache",
    "wiredTiger.concurrentTransactions", "wiredTiger.transaction", "logicalSessionRecordCache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """A server's counters.

    Attributes:
        numbers: by dotted name: ``connections.current``; truth values are 0 and 1.
        version: ``6.0.5``.
        uptime_seconds: since the server started.
        at: seconds since 1970 by the clock of the machine that asked, for differences.
        before: numbers of the first of two readings; empty if there was one.
        watched_seconds: between the two; ``None`` if there was one.
        user: who is logged in; "" if the server asked nobody.
    """

    numbers: Mapping[str, float]
    version: str
    uptime_seconds: float
    at: float
    before: Mapping[str, float] = field(default_factory=dict)
    watched_seconds: float | None = None
    user: str = ""

    def number(self, name: str, default: float = 0.0) -> float:
        """A number now."""
        return self.numbers.get(name, default)

    @property
    def seconds(self) -> float:
        """How long counters counted: while they were watched, or since the server started."""
        return self.watched_seconds or max(self.uptime_seconds, 1.0)

    def grown(self, name: str) -> float:
        """How much a counter grew meanwhile."""
        now, before = self.number(name), self.before.get(name, 0.0)
        return now - before if now >= before else now


def _between(first: Status, second: Status) -> Status:
    seconds = max(second.at - first.at, 1e-3)
    return Status(
        second.numbers, second.version, second.uptime_seconds, second.at, first.numbers, seconds,
        second.user,
    )  # fmt: skip


@counters("status", _between)
def status(session: Session) -> Status:
    """Least privilege: clusterMonitor."""
    found = session.command("admin", {"serverStatus": 1})
    numbers = dict(_numbers(found, ""))
    return Status(
        numbers,
        session.version,
        float(found.get("uptimeMillis", 0)) / 1000,
        time.time(),
        user=session.user,
    )


def _numbers(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{name}.")
        elif isinstance(value, bool | int | float) and name.startswith(_SECTIONS):
            yield name, float(value)
