"""Operations as the profiler recorded them, and the queries that they add up to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dbtune.mongo.shape import Shape, query_hash, shape_of
from dbtune.statements import Statement

_OPTIONAL = ("docs", "keys", "rows", "read_bytes", "read_ms", "planning_ms")


@dataclass(frozen=True, slots=True)
class Operation:
    """One recorded operation; ``None`` means that the server does not tell.

    Attributes:
        shape: its shape.
        user: who ran it, ``name@database``; "" without authentication.
        ms: execution time, whole milliseconds.
        at: when it ended, by the server's clock.
        docs: documents examined.
        keys: index keys examined.
        rows: documents returned, or matched by a write (changed by it or not), or inserted.
        plan: plan summary.
        sorted_in_memory: it had a blocking sort.
        used_disk: it spilled to disk.
        skip: documents that it asked to skip.
        write_conflicts: times it had to start again because another wrote the same document.
        read_bytes: bytes read from disk into the cache.
        read_ms: time that took.
        planning_ms: planning time (since 6.2).
        hash: the server's hash of the shape.
        cursor: number of the cursor that it opened or read on; 0 if none.
        getmore: it fetched a further batch of a query.
        failed: it ended with an error.
    """

    shape: Shape
    user: str
    ms: float
    at: datetime | None
    docs: int | None = None
    keys: int | None = None
    rows: int | None = None
    plan: str = ""
    sorted_in_memory: bool = False
    used_disk: bool = False
    skip: int = 0
    write_conflicts: int = 0
    read_bytes: int | None = None
    read_ms: float | None = None
    planning_ms: float | None = None
    hash: str = ""
    cursor: int = 0
    getmore: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All calls of one shape: a row of the table, and what checks ask beyond it.

    Attributes:
        shape: the shape.
        statement: calls, times and rows.
        collection_scans: calls that read the whole collection.
        memory_sorts: calls with a blocking sort.
        memory_sort_docs: documents examined by those.
        disk_uses: calls that spilled to disk.
        max_skip: most documents that one asked to skip.
        write_conflicts: starts anew because another wrote the same document.
        failures: calls that ended with an error.
    """

    shape: Shape
    statement: Statement
    collection_scans: int = 0
    memory_sorts: int = 0
    memory_sort_docs: int = 0
    disk_uses: int = 0
    max_skip: int = 0
    write_conflicts: int = 0
    failures: int = 0


def operation_of(document: Mapping[str, object]) -> Operation:
    """An operation from a document of system.profile; never raises, whatever it holds."""
    storage = document.get("storage")
    data = storage.get("data") if isinstance(storage, Mapping) else None
    data = data if isinstance(data, Mapping) else {}
    read_us = _count(data, "timeReadingMicros")
    plan_us = _count(document, "planningTimeMicros")
    at = document.get("ts")
    command = document.get("command")
    return Operation(
        shape=shape_of(document),
        user=str(document.get("user") or ""),
        ms=float(_count(document, "millis") or 0),
        at=at if isinstance(at, datetime) else None,
        docs=_count(document, "docsExamined"),
        keys=_count(document, "keysExamined"),
        rows=_count(document, "nreturned")
        if "nreturned" in document
        else _count(document, "nMatched", "nUpserted", "ndeleted", "ninserted"),
        plan=str(document.get("planSummary") or "")[:200],
        sorted_in_memory=bool(document.get("hasSortStage")),
        used_disk=bool(document.get("usedDisk")),
        skip=(_count(command, "skip") or 0) if isinstance(command, Mapping) else 0,
        write_conflicts=_count(document, "writeConflicts") or 0,
        read_bytes=_count(data, "bytesRead"),
        read_ms=None if read_us is None else read_us / 1000,
        planning_ms=None if plan_us is None else plan_us / 1000,
        hash=query_hash(document),
        cursor=_count(document, "cursorid") or 0,
        getmore=document.get("op") == "getmore",
        failed="errCode" in document,
    )


def executions(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Calls: each getMore is added to the query whose cursor it read on.

    Args:
        operations: newest first, as they are read: a cursor's getMores come before its query.
    """
    open_cursors: dict[int, Operation] = {}
    for one in operations:
        later = open_cursors.pop(one.cursor, None) if one.cursor else None
        whole = one if later is None else _joined(one, later)
        if one.getmore and one.cursor:
            open_cursors[one.cursor] = whole
        else:
            yield whole
    yield from open_cursors.values()  # their queries were not slow enough, or came before


def _joined(first: Operation, later: Operation) -> Operation:
    sums: dict[str, Any] = {
        name: (getattr(first, name) or 0) + (getattr(later, name) or 0)
        for name in ("ms", "write_conflicts", *_OPTIONAL)
        if getattr(first, name) is not None or getattr(later, name) is not None
    }
    return replace(
        first,
        **sums,
        at=later.at,
        sorted_in_memory=first.sorted_in_memory or later.sorted_in_memory,
        used_disk=first.used_disk or later.used_disk,
        skip=max(first.skip, later.skip),
        failed=first.failed or later.failed,
    )


def _count(document: Mapping[str, object], *names: str) -> int | None:
    """The sum of fields that are numbers; ``None`` if none is there."""
    found = [document[name] for name in names if name in document]
    numbers = [one for one in found if isinstance(one, int | float) and math.isfinite(one)]
    return max(0, round(sum(numbers))) if numbers else None


@dataclass(slots=True)
class Sums:
    """What the operations of one shape add up to; a few hundred bytes, however many they are.

    Attributes:
        calls: operations; a getMore is part of the query whose cursor it reads.
        squares: sum of the squares of the durations.
        numbers: ``docs``, ``keys``, ``rows``, ``read_bytes``, ``read_ms``, ``planning_ms`` as
            :class:`Operation` has them; what no operation told is not there.
        plans: operations by plan summary.
        hashes: the server's hashes of the shape.
    """

    shape: Shape
    calls: int = 0
    total_ms: float = 0.0
    squares: float = 0.0
    min_ms: float = math.inf
    max_ms: float = 0.0
    numbers: dict[str, float] = field(default_factory=dict)
    plans: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, int] = field(default_factory=dict)
    collection_scans: int = 0
    memory_sorts: int = 0
    memory_sort_docs: int = 0
    disk_uses: int = 0
    max_skip: int = 0
    write_conflicts: int = 0
    failures: int = 0

    def query(self) -> Query:
        """A row of the table, and what checks ask beyond it."""
        return Query(
            shape=self.shape,
            statement=self.statement(),
            collection_scans=self.collection_scans,
            memory_sorts=self.memory_sorts,
            memory_sort_docs=self.memory_sort_docs,
            disk_uses=self.disk_uses,
            max_skip=self.max_skip,
            write_conflicts=self.write_conflicts,
            failures=self.failures,
        )

    def statement(self) -> Statement:
        """A row of the table."""
        calls = max(1, self.calls)
        mean = self.total_ms / calls
        counts = {name: round(value) for name, value in self.numbers.items()}
        plans = sorted(self.plans.items(), key=lambda item: (-item[1], item[0]))
        return Statement(
            text=self.shape.text,
            calls=calls,
            total_ms=self.total_ms,
            mean_ms=mean,
            stddev_ms=math.sqrt(max(0.0, self.squares / calls - mean * mean)),
            min_ms=self.min_ms if self.calls else 0.0,
            max_ms=self.max_ms,
            rows=counts.get("rows"),
            planning_ms=self.numbers.get("planning_ms"),
            io_ms=self.numbers.get("read_ms"),
            read_bytes=counts.get("read_bytes"),
            docs_examined=counts.get("docs"),
            keys_examined=counts.get("keys"),
            collection_scans=self.collection_scans,
            memory_sorts=self.memory_sorts,
            plan_summary="; ".join(plan for plan, _ in plans[:2]) + ("; …" if plans[2:] else ""),
            databases=(self.shape.namespace.partition(".")[0],),
            ids=tuple(sorted(self.hashes)),
        )


@dataclass(slots=True)
class _Recorded(Sums):
    """Sums of what the profiler recorded."""

    users: set[str] = field(default_factory=set)

    def add(self, one: Operation) -> None:
        self.calls += 1
        self.total_ms += one.ms
        self.squares += one.ms * one.ms
        self.min_ms = min(self.min_ms, one.ms)
        self.max_ms = max(self.max_ms, one.ms)
        for name in _OPTIONAL:
            value = getattr(one, name)
            if value is not None:
                self.numbers[name] = self.numbers.get(name, 0) + value
        if one.plan:
            self.plans[one.plan] = self.plans.get(one.plan, 0) + 1
        if one.hash:
            self.hashes[one.hash] = 1
        if one.user:
            self.users.add(one.user)
        self.collection_scans += "COLLSCAN" in one.plan
        self.memory_sorts += one.sorted_in_memory
        self.memory_sort_docs += (one.docs or 0) if one.sorted_in_memory else 0
        self.disk_uses += one.used_disk
        self.max_skip = max(self.max_skip, one.skip)
        self.write_conflicts += one.write_conflicts
        self.failures += one.failed

    def statement(self) -> Statement:
        return replace(Sums.statement(self), users=tuple(sorted(self.users)))


def queries(operations: Iterable[Operation]) -> list[Query]:
    """Operations, newest first, added up by shape; only sums and open cursors stay in memory."""
    sums: dict[str, _Recorded] = {}
    for one in executions(operations):
        found = sums.get(one.shape.text)
        if found is None:
            found = sums[one.shape.text] = _Recorded(one.shape)
        found.add(one)
    return [one.query() for one in sums.values()]
