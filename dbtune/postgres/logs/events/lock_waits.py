"""Waits for locks (log_lock_waits): what waited how long, and who held it up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import trim
from dbtune.postgres.logs.events.deadlocks import thing
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_MOST = 1000
_WAIT = re.compile(
    r"process (?P<pid>\d+) (?P<how>still waiting for|acquired|avoided deadlock for"
    r"|detected deadlock while waiting for|could not obtain) (?P<mode>\w+) on (?P<what>.*?)"
    r"(?: by rearranging queue order)?(?: after (?P<ms>\d+\.\d+) ms)?$"
)
NOT_LOGGED = "(no statement logged)"
_HOLDERS = re.compile(r"Process(?:es)? holding the lock: ([\d, ]+)")

LOCK_WAITS = Table(
    "lock_waits",
    "Lock waits",
    (
        Column("count", "waits", "int", "Waits longer than deadlock_timeout."),
        Column("total_ms", "waited", "ms", "Their time."),
        Column("max_ms", "longest", "ms", "The longest of them.", 2),
        Column("unfinished", "unfinished", "int", "Waits whose end is not in the log.", 3),
        Column("last_at", "last", "time", "When last.", 4),
        Column("lock", "lock", "text", "Kind of lock and of what was locked.", 1),
        Column("statement", "waiting statement", "sql", "What waited."),
        Column(
            "blocked_by",
            "blocked by",
            "text",
            "The last statement of the session that held the lock, as far as it was logged.",
        ),
    ),
)


@dataclass(slots=True)
class Wait:
    """Waits of the same statement for the same kind of lock, held by the same statement."""

    lock: str = ""
    statement: str = ""
    blocked_by: str = ""
    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    unfinished: int = 0
    last: str = ""

    def merge(self, other: Wait) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.total_ms += other.total_ms
        self.max_ms = max(self.max_ms, other.max_ms)
        self.unfinished += other.unfinished
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class Open:
    """A wait whose end has not come yet."""

    key: str = ""
    ms: float = 0.0

    def merge(self, other: Open) -> None:
        """The later part of the log knows it longer."""
        self.key, self.ms = other.key, other.ms


@dataclass(slots=True)
class LockWaits:
    """Waits by what waited and what held it up.

    Attributes:
        open: waits that have been reported but have not ended, by process.
        ended: waits of which only the end was seen: maybe another part of the log has the rest.
    """

    waits: dict[str, Wait] = field(default_factory=dict)
    open: dict[str, Open] = field(default_factory=dict)
    ended: dict[str, Open] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a wait, when it is reported; its time, when it ends."""
        found = _WAIT.match(record.message) if record.message.startswith("process ") else None
        if found is None:
            return False
        pid, ms = found["pid"], float(found["ms"] or 0)
        begun = self.open.pop(pid, None)
        ends = found["how"] in ("acquired", "could not obtain")
        if begun is not None and begun.key in self.waits:
            wait = self.waits[begun.key]
            wait.total_ms += ms - begun.ms
        else:
            begun = Open(self._key(record, found, statements))
            wait = self.waits[begun.key]
            wait.count += 1
            wait.total_ms += ms
            wait.unfinished += 1
            if ends and len(self.ended) < _MOST:
                self.ended[pid] = Open(begun.key, ms)
        wait.max_ms = max(wait.max_ms, ms)
        wait.last = max(wait.last, record.stamp)
        if ends:
            wait.unfinished = max(0, wait.unfinished - 1)
        elif len(self.open) < _MOST:
            self.open[pid] = Open(begun.key, ms)
        return True

    def settle(self) -> None:
        """Put together waits whose beginning and end were in different parts of the log."""
        for pid in [*self.open]:
            begun, end = self.open[pid], self.ended.get(pid)
            if end is None or end.ms < begun.ms or not {begun.key, end.key} <= self.waits.keys():
                continue
            del self.open[pid], self.ended[pid]
            lone, wait = self.waits[end.key], self.waits[begun.key]
            lone.count -= 1
            lone.total_ms -= end.ms
            wait.total_ms += end.ms - begun.ms
            wait.max_ms = max(wait.max_ms, end.ms)
            wait.unfinished -= 1
            if not lone.count:
                del self.waits[end.key]

    def _key(self, record: Record, found: re.Match[str], statements: Statements) -> str:
        holders = _HOLDERS.search(record.detail)
        pids = re.findall(r"\d+", holders[1]) if holders else []
        by = "; ".join(dict.fromkeys(filter(None, map(statements.statement_of, pids))))
        if pids and not by:
            by = NOT_LOGGED
        text = statements.logged(record.statement).text if record.statement else ""
        lock = f"{found['mode']} on {thing(found['what'])}"
        key = "\x1f".join((lock, text, by))
        if key not in self.waits:
            trim(self.waits, _MOST - 1, lambda item: item.total_ms)
            self.waits[key] = Wait(lock, text, by)
        return key

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """Those that took most time first."""
        ranked = sorted(self.waits.values(), key=lambda one: (-one.total_ms, one.statement))
        rows = tuple(
            {
                "count": one.count,
                "total_ms": one.total_ms,
                "max_ms": one.max_ms,
                "unfinished": one.unfinished or None,
                "last_at": moment(one.last),
                "lock": one.lock,
                "statement": one.statement or None,
                "blocked_by": one.blocked_by or None,
            }
            for one in ranked[:limit]
        )
        yield replace(LOCK_WAITS, rows=rows)
