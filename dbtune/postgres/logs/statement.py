"""A statement as a log has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from dbtune.logs.tally import OTHERS, Sum, merge


@dataclass(slots=True)
class Logged:
    """All executions of a statement, constants folded.

    Attributes:
        text: with ``$1`` ... in place of constants.
        squares: sum of the squares of the durations.
        buckets: how many executions lie in which bucket of
            :func:`~dbtune.logs.tally.buckets`.
        planning_ms: time of parse and bind.
        temp_bytes: temporary files it wrote.
        hours: executions and their time by hour.
        users, databases, applications, hosts: likewise by whose they were.
        bursts: how often it followed itself several times in a session.
        burst_calls: executions in those.
        parents: what ran before such a burst, and how often; by fingerprint.
        errors: how often it failed.
    """

    text: str = ""
    calls: int = 0
    total_ms: float = 0.0
    squares: float = 0.0
    min_ms: float = 0.0
    max_ms: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)
    planning_ms: float = 0.0
    temp_bytes: int = 0
    temp_files: int = 0
    hours: dict[str, Sum] = field(default_factory=dict)
    users: dict[str, Sum] = field(default_factory=dict)
    databases: dict[str, Sum] = field(default_factory=dict)
    applications: dict[str, Sum] = field(default_factory=dict)
    hosts: dict[str, Sum] = field(default_factory=dict)
    bursts: int = 0
    burst_calls: int = 0
    parents: dict[str, int] = field(default_factory=dict)
    errors: int = 0

    def merge(self, other: Logged) -> None:
        """Add what another part of the log has of it."""
        least = [one.min_ms for one in (self, other) if one.calls]
        self.min_ms = min(least, default=0.0)
        self.max_ms = max(self.max_ms, other.max_ms)
        self.text = self.text or other.text
        for name in _ADDED:
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))

    @property
    def cells(self) -> int:
        """How many sums by hour, user, database, application and host it has."""
        return len(self.hours) + sum(len(names) for names in self._by_name())

    def fold(self) -> None:
        """Keep of those sums only the total; by hour, nothing."""
        self.hours.clear()
        for names in self._by_name():
            if len(names) > 1:
                whole = Sum()
                for one in names.values():
                    whole.merge(one)
                names.clear()
                names[OTHERS] = whole

    def _by_name(self) -> tuple[dict[str, Sum], ...]:
        return self.users, self.databases, self.applications, self.hosts


_ADDED = (
    *(
        "calls",
        "total_ms",
        "squares",
        "buckets",
        "planning_ms",
        "temp_bytes",
        "temp_files",
        "hours",
    ),
    *("users", "databases", "applications", "hosts", "bursts", "burst_calls", "parents", "errors"),
)


class Statements(Protocol):
    """Who knows statements and sessions while a log is read."""

    def logged(self, text: str) -> Logged:
        """What is kept for a statement."""

    def statement_of(self, pid: str) -> str:
        """The last statement of a session, constants folded; "" if there is none."""

    def masked(self, text: str) -> str:
        """A text as it may be kept: without constants, unless they are asked for."""
