"""What happened to the server itself: starts, shutdowns, crashes, changed settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table
from dbtune.text import shorten

_MOST = 200
_KINDS = (
    ("start", r"starting PostgreSQL .*|database system is ready to accept .*"),
    (
        "shutdown",
        r"received (?:fast|smart|immediate) shutdown request|database system is shut down",
    ),
    (
        "crash",
        r".* \(PID \d+\) (?:was terminated by (?:signal|exception) .*|exited with exit code \d+)"
        r"|terminating any other active server processes|all server processes terminated.*"
        r"|database system was (?:not properly shut down|interrupted).*",
    ),
    (
        "settings",
        r"parameter \".*\" (?:changed to|removed from|cannot be changed).*|received SIGHUP.*",
    ),
    ("promotion", r"received promote request|selected new timeline ID: \d+"),
    ("replication", r".*(?:replication slot|wal ?sender|walreceiver|streaming).*"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _KINDS))
_VARYING = re.compile(
    r"(?<=PID )\d+|(?<=at )(?:[\dA-F]+/[\dA-F]+|\d{4}-\d\d-\d\d [\d:]+(?: \w+)?)|(?<=timeline )\d+"
)

SERVER_EVENTS = Table(
    "server_events",
    "Server",
    (
        Column("kind", "kind", "text", "start, shutdown, crash, settings, promotion, replication."),
        Column("count", "count", "int", "How often."),
        Column("last_at", "last", "time", "When last.", 1),
        Column("message", "message", "text", "What the server said."),
        Column("detail", "detail", "text", "What it added, constants masked.", 1),
    ),
)


@dataclass(slots=True)
class Said:
    """The same message, several times."""

    kind: str = ""
    message: str = ""
    detail: str = ""
    count: int = 0
    last: str = ""

    def merge(self, other: Said) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.last = max(self.last, other.last)
        self.detail = self.detail or other.detail


@dataclass(slots=True)
class ServerEvents:
    """Messages of the server about itself."""

    found: dict[str, Said] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a message, if it is one of these."""
        found = _PATTERN.fullmatch(record.message) if record.level == "LOG" else None
        if found is None:
            return False
        message = shorten(_VARYING.sub("?", record.message), 300)
        if message not in self.found:
            trim(self.found, _MOST - 1, lambda one: one.count)
            self.found[message] = Said(found.lastgroup or "", message)
        one = self.found[message]
        one.count += 1
        one.last = max(one.last, record.stamp)
        one.detail = one.detail or shorten(statements.masked(record.detail), 300)
        return True

    def count(self, kind: str) -> int:
        """How many messages of a kind."""
        return sum(one.count for one in self.found.values() if one.kind == kind)

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """Crashes first, then in the order of their kinds."""
        kinds = ["crash", *(name for name, _ in _KINDS)]
        ranked = sorted(
            self.found.values(), key=lambda one: (kinds.index(one.kind), -one.count, one.message)
        )
        rows = tuple(
            {
                "kind": one.kind,
                "count": one.count,
                "last_at": moment(one.last),
                "message": one.message,
                "detail": one.detail or None,
            }
            for one in ranked[:limit]
        )
        yield replace(SERVER_EVENTS, rows=rows)
