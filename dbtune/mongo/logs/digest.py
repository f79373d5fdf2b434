"""What a log says, in bounded memory whatever its size; digests of parts can be added up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dbtune.logs.seen import Seen
from dbtune.logs.tables import hours_of, ranked
from dbtune.logs.tally import Sum, Top, decades, merge, quantile, trim
from dbtune.mongo.logs.connections import Connections
from dbtune.mongo.logs.happened import Happened
from dbtune.mongo.logs.messages import Messages
from dbtune.mongo.operations import Sums
from dbtune.statements import Statement

MOST_SHAPES = 5_000
"""Shapes that are told apart; of more, those with the least time are only counted."""
_MOST_HOURS = 10_000
_MOST_CELLS = 300_000
"""Sums by hour of all shapes together; of more, those of the lightest shapes are given up."""


@dataclass(slots=True)
class Logged(Sums):
    """All logged operations of a shape.

    Attributes:
        buckets: how many calls lie in which bucket of :func:`dbtune.logs.tally.buckets`.
        cut: operations whose command the server cut (``maxLogSizeKB``).
    """

    buckets: dict[int, int] = field(default_factory=dict)
    hours: dict[str, Sum] = field(default_factory=dict)
    applications: dict[str, Sum] = field(default_factory=dict)
    hosts: dict[str, Sum] = field(default_factory=dict)
    yields: int = 0
    cut: int = 0

    def merge(self, other: Logged) -> None:
        """Add what another part of the log has of it."""
        self.min_ms = min(self.min_ms, other.min_ms)
        self.max_ms = max(self.max_ms, other.max_ms)
        self.max_skip = max(self.max_skip, other.max_skip)
        for name in _ADDED:
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))

    def statement(self) -> Statement:
        """A row of the table."""
        one = Sums.statement(self)
        p50, p95, p99 = (
            quantile(self.buckets, share, one.min_ms or 0.0, self.max_ms) if self.buckets else None
            for share in (0.5, 0.95, 0.99)
        )
        return replace(
            one,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            histogram=decades(self.buckets),
            hours=hours_of(self.hours),
            yields=self.yields,
            applications=tuple(name for name, _ in ranked(self.applications) if name),
            hosts=tuple(name for name, _ in ranked(self.hosts) if name),
            errors=self.failures,
        )


_ADDED = (
    *("calls", "total_ms", "squares", "buckets", "numbers", "plans", "hashes", "hours"),
    *("applications", "hosts", "collection_scans", "memory_sorts", "memory_sort_docs"),
    *("disk_uses", "write_conflicts", "yields", "failures", "cut"),
)


@dataclass(slots=True)
class Digest:
    """What a log, or a part of it, says.

    Attributes:
        shapes: slow operations by the text of their shape.
        slowest: single operations.
        left_out: operations of shapes that are not told apart, and their time.
        hours: slow operations by hour.
        operations: slow operations, a getMore being one of its own.
        cut: operations whose command the server cut.
        unreadable: slow operations that tell no command.
    """

    seen: Seen = field(default_factory=Seen)
    shapes: dict[str, Logged] = field(default_factory=dict)
    slowest: Top = field(default_factory=Top)
    left_out: Sum = field(default_factory=Sum)
    hours: dict[str, Sum] = field(default_factory=dict)
    connections: Connections = field(default_factory=Connections)
    happened: Happened = field(default_factory=Happened)
    messages: Messages = field(default_factory=Messages)
    operations: int = 0
    unreadable: int = 0

    def merge(self, other: Digest) -> None:
        """Add the digest of another part of the log."""
        for name in self.__dataclass_fields__:
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))
        self.bound(2)

    def settle(self) -> None:
        """Bound what is kept: nothing of MongoDB's begins in one part and ends in another."""
        self.bound()

    def bound(self, slack: int = 1) -> bool:
        """Leave out what is too much to keep, the lightest first; whether shapes were left out."""
        for hour in sorted(self.hours)[: max(0, len(self.hours) - _MOST_HOURS)]:
            del self.hours[hour]
        if sum(len(one.hours) for one in self.shapes.values()) > _MOST_CELLS * slack:
            left = _MOST_CELLS
            for one in sorted(self.shapes.values(), key=lambda one: -one.total_ms):
                left -= len(one.hours)
                if left < 0:
                    one.hours.clear()
        if len(self.shapes) <= MOST_SHAPES * slack:
            return False
        calls, spent = self._whole()
        trim(self.shapes, MOST_SHAPES, lambda one: one.total_ms)
        calls_left, spent_left = self._whole()
        self.left_out.add(spent - spent_left, calls - calls_left)
        return True

    def _whole(self) -> tuple[int, float]:
        found = self.shapes.values()
        return sum(one.calls for one in found), sum(one.total_ms for one in found)
