"""What a log says, in bounded memory whatever its size; digests of parts can be added up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dbtune.logs.seen import Seen
from dbtune.logs.tables import hours_of, ranked
from dbtune.logs.tally import Sum, Top, decades, merge, quantile, trim
from dbtune.mongo.logs.connections import Connections
from dbtune.mongo.logs.happened import Happened
from dbtune.mongo.logs.messages import Messages
from dbtune.mongo.operations import Query
from dbtune.mongo.shape import Shape
from dbtune.statements import Statement

MOST_SHAPES = 5_000
"""Shapes that are told apart; of more, those with the least time are only counted."""
_MOST_HOURS = 10_000
_MOST_CELLS = 300_000
"""Sums by hour of all shapes together; of more, those of the lightest shapes are given up."""


@dataclass(slots=True)
class Logged:
    """All logged operations of a shape.

    Attributes:
        calls: operations; a getMore is part of the query whose cursor it reads, if that was logged.
        squares: sum of the squares of the durations.
        buckets: how many calls lie in which bucket of :func:`dbtune.logs.tally.buckets`.
        docs, keys, rows: examined documents and keys, returned or changed documents.
        told: operations that told each of these and the like.
        plans: operations by plan summary.
        cut: operations whose command the server cut (``maxLogSizeKB``).
    """

    shape: Shape
    calls: int = 0
    total_ms: float = 0.0
    squares: float = 0.0
    min_ms: float = math.inf
    max_ms: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    plans: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, int] = field(default_factory=dict)
    hours: dict[str, Sum] = field(default_factory=dict)
    applications: dict[str, Sum] = field(default_factory=dict)
    hosts: dict[str, Sum] = field(default_factory=dict)
    collection_scans: int = 0
    memory_sorts: int = 0
    memory_sort_docs: int = 0
    disk_uses: int = 0
    max_skip: int = 0
    write_conflicts: int = 0
    yields: int = 0
    failures: int = 0
    cut: int = 0

    def merge(self, other: Logged) -> None:
        """Add what another part of the log has of it."""
        self.min_ms = min(self.min_ms, other.min_ms)
        self.max_ms = max(self.max_ms, other.max_ms)
        self.max_skip = max(self.max_skip, other.max_skip)
        for name in _ADDED:
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))

    def query(self) -> Query:
        """A row of the table, and what checks ask beyond it."""
        return Query(
            shape=self.shape,
            statement=self._statement(),
            collection_scans=self.collection_scans,
            memory_sorts=self.memory_sorts,
            memory_sort_docs=self.memory_sort_docs,
            disk_uses=self.disk_uses,
            max_skip=self.max_skip,
            write_conflicts=self.write_conflicts,
            failures=self.failures,
        )

    def _statement(self) -> Statement:
        calls = max(1, self.calls)
        mean = self.total_ms / calls
        least = self.min_ms if self.calls else 0.0
        p50, p95, p99 = (
            quantile(self.buckets, share, least, self.max_ms) if self.buckets else None
            for share in (0.5, 0.95, 0.99)
        )
        told = {name: round(value) for name, value in self.numbers.items()}
        plans = sorted(self.plans.items(), key=lambda item: (-item[1], item[0]))
        return Statement(
            text=self.shape.text,
            calls=calls,
            total_ms=self.total_ms,
            mean_ms=mean,
            stddev_ms=math.sqrt(max(0.0, self.squares / calls - mean * mean)),
            min_ms=least,
            max_ms=self.max_ms,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            histogram=decades(self.buckets),
            hours=hours_of(self.hours),
            rows=told.get("rows"),
            plan_ms=self.numbers.get("plan_ms"),
            io_ms=self.numbers.get("read_ms"),
            read_bytes=told.get("read_bytes"),
            docs_examined=told.get("docs"),
            keys_examined=told.get("keys"),
            collection_scans=self.collection_scans,
            memory_sorts=self.memory_sorts,
            yields=self.yields,
            plan_summary="; ".join(plan for plan, _ in plans[:2]) + ("; …" if plans[2:] else ""),
            databases=(self.shape.namespace.partition(".")[0],),
            applications=tuple(name for name, _ in ranked(self.applications) if name),
            hosts=tuple(name for name, _ in ranked(self.hosts) if name),
            errors=self.failures,
            ids=tuple(sorted(self.hashes)),
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
