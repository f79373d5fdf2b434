"""Statements and sessions that were cut off: by a timeout, an administrator, recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_MOST = 1000
_REASON = re.compile(r"(?:canceling statement|terminating connection) due to (.*)")

CANCELLED = Table(
    "cancelled",
    "Cancelled statements and sessions",
    (
        Column("count", "count", "int", "How often."),
        Column("what", "what", "text", "statement or session.", 2),
        Column("reason", "reason", "text", "Why."),
        Column("last_at", "last", "time", "When last.", 3),
        Column("statement", "statement", "sql", "Which, constants folded."),
    ),
)


@dataclass(slots=True)
class Cut:
    """Cancellations of one statement for one reason."""

    what: str = ""
    reason: str = ""
    statement: str = ""
    count: int = 0
    last: str = ""

    def merge(self, other: Cut) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class Cancelled:
    """Cancellations by reason and statement."""

    found: dict[str, Cut] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a cancellation."""
        found = _REASON.match(record.message)
        if found is None:
            return False
        what = "statement" if record.message.startswith("canceling") else "session"
        text = statements.logged(record.statement).text if record.statement else ""
        key = "\x1f".join((what, found[1], text))
        if key not in self.found:
            trim(self.found, _MOST - 1, lambda one: one.count)
            self.found[key] = Cut(what, found[1], text)
        one = self.found[key]
        one.count += 1
        one.last = max(one.last, record.stamp)
        return False  # it is an error, too

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """The most frequent ones first."""
        ranked = sorted(
            self.found.values(), key=lambda one: (-one.count, one.reason, one.statement)
        )
        rows = tuple(
            {
                "count": one.count,
                "what": one.what,
                "reason": one.reason,
                "last_at": moment(one.last),
                "statement": one.statement or None,
            }
            for one in ranked[:limit]
        )
        yield replace(CANCELLED, rows=rows)
