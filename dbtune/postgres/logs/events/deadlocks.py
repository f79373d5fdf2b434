"""Deadlocks: who waited for whom, with which statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_MOST = 500
_WAITS = re.compile(
    r"Process (\d+) waits for (\w+) on ([^;]*); blocked by process (\d+)\.", re.MULTILINE
)
_RUNS = re.compile(r"^Process (\d+): (.*?)(?=^Process \d+: |\Z)", re.MULTILINE | re.DOTALL)

DEADLOCKS = Table(
    "deadlocks",
    "Deadlocks",
    (
        Column("count", "count", "int", "How often these statements blocked each other."),
        Column("last_at", "last", "time", "When last.", 2),
        Column("locks", "locks", "list", "Kinds of lock and of what was locked.", 1),
        Column("context", "context", "text", "What the server did when it gave up.", 3),
        Column("statements", "statements", "list", "The statements, constants folded."),
    ),
)


@dataclass(slots=True)
class Deadlock:
    """Deadlocks of the same statements."""

    count: int = 0
    last: str = ""
    statements: list[str] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    context: str = ""

    def merge(self, other: Deadlock) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class Deadlocks:
    """Deadlocks by their statements."""

    found: dict[str, Deadlock] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a deadlock."""
        if not record.message.startswith("deadlock detected"):
            return False
        texts = sorted(
            {statements.logged(text.strip()).text for _, text in _RUNS.findall(record.detail)}
        )
        locks = sorted(
            {f"{mode} on {thing(what)}" for _, mode, what, _ in _WAITS.findall(record.detail)}
        )
        key = "\x1f".join(texts or locks)
        one = self.found.get(key)
        if one is None:
            context = statements.masked(record.context)
            one = self.found[key] = Deadlock(0, "", texts, locks, context)
            trim(self.found, _MOST, lambda item: item.count)
        one.count += 1
        one.last = max(one.last, record.stamp)
        return False  # it is an error, too

    @property
    def count(self) -> int:
        """Deadlocks in all."""
        return sum(one.count for one in self.found.values())

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """The most frequent ones first."""
        ranked = sorted(self.found.values(), key=lambda one: (-one.count, one.statements))
        rows = tuple(
            {
                "count": one.count,
                "last_at": moment(one.last),
                "locks": tuple(one.locks),
                "context": one.context or None,
                "statements": tuple(one.statements),
            }
            for one in ranked[:limit]
        )
        yield replace(DEADLOCKS, rows=rows)


def thing(what: str) -> str:
    """What was locked, without the numbers that tell it from others of its kind."""
    return re.sub(r"\W*\d[\d,() ]*", " ", what.partition(" of database")[0]).strip()
