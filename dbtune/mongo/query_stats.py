"""Read ``$queryStats``: shapes of find, aggregate and distinct that the server has counted.

MongoDB Atlas has it since 6.0.7 and 7.0.12 (M10 and larger); a server of one's own answers that it
has no such stage. Its output is documented, but not promised to stay as it is: what can't be read
is left out. https://www.mongodb.com/docs/manual/reference/operator/aggregation/queryStats/

Least privilege: ``queryStatsRead`` and ``queryStatsReadTransformed`` on the cluster, which
``clusterMonitor`` has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dbtune.mongo import APP_NAME
from dbtune.mongo.operations import Query
from dbtune.mongo.session import Document, Session
from dbtune.mongo.shape import Shape, shape_of
from dbtune.statements import Statement

MOST_SHAPES = 10_000
_CLAUSES = ("filter", "sort", "projection", "pipeline", "query", "key", "hint", "collation")
_COUNTS = ("limit", "skip")
_METRICS = {
    # our name: (its name, what one of it is)
    "total_ms": ("totalExecMicros", 1e-3),
    "rows": ("docsReturned", 1.0),
    "docs": ("docsExamined", 1.0),
    "keys": ("keysExamined", 1.0),
    "read_bytes": ("bytesRead", 1.0),
    "read_ms": ("readTimeMicros", 1e-3),
}


@dataclass(slots=True)
class Entry:
    """One entry: a shape with the client, read preference and the like that asked for it.

    Attributes:
        numbers: totals by our name; a name that is missing is not told.
        squares: sum of the squares of the times in ms; ``None`` if not told.
        sorts, disk_uses: calls that sorted in memory, that spilled to disk.
    """

    shape: Shape
    command: Document
    calls: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    squares: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    sorts: int = 0
    disk_uses: int = 0
    application: str = ""
    hash: str = ""
    since: datetime | None = None

    def without(self, before: Entry | None) -> Entry | None:
        """What was added since an earlier reading; ``None`` if nothing was."""
        if before is None or self.calls < before.calls:  # new, or thrown out and begun again
            return self if self.calls else None
        if self.calls == before.calls:
            return None
        earlier = before.numbers
        numbers = {name: value - earlier.get(name, 0.0) for name, value in self.numbers.items()}
        squares = None
        if self.squares is not None and before.squares is not None:
            squares = self.squares - before.squares
        return Entry(
            shape=self.shape,
            command=self.command,
            calls=self.calls - before.calls,
            numbers=numbers,
            squares=squares,
            sorts=self.sorts - before.sorts,
            disk_uses=self.disk_uses - before.disk_uses,
            application=self.application,
            hash=self.hash,
            since=self.since,
        )


def read_query_stats(session: Session, unknown: Callable[[], Any] = lambda: 0) -> dict[str, Entry]:
    """All entries but dbtune's own, by what tells them apart; those with most time.

    Args:
        session: an open session.
        unknown: makes what stands in commands in place of a value.

    Raises:
        Unavailable: the server has no such stage, or this user may not use it.
        TargetError: the connection broke.
    """
    stages = [
        {"$queryStats": {}},
        {"$match": {"key.client.application.name": {"$ne": APP_NAME}}},
        {"$sort": {"metrics.totalExecMicros.sum": -1}},
        {"$limit": MOST_SHAPES},
    ]
    command = {"aggregate": 1, "pipeline": stages, "cursor": {}}
    found: dict[str, Entry] = {}
    for document in session.documents("admin", command):
        key = _mapping(document.get("key"))
        entry = entry_of(document, unknown)
        if entry is not None:
            found[json.dumps(key, sort_keys=True, default=str)] = entry
    return found


def entry_of(document: Mapping[str, Any], unknown: Callable[[], Any] = lambda: 0) -> Entry | None:
    """An entry as the server tells it; ``None`` if it is of no collection of a user's."""
    key = _mapping(document.get("key"))
    command = command_of(_mapping(key.get("queryShape")), unknown)
    if command is None:
        return None
    metrics = flat(_mapping(document.get("metrics")))
    micros = _mapping(metrics.get("totalExecMicros"))
    numbers = {
        ours: number * unit
        for ours, (its, unit) in _METRICS.items()
        if (number := _number(_mapping(metrics.get(its)).get("sum"))) is not None
    }
    squares = _number(micros.get("sumOfSquares"))
    least, most = _number(micros.get("min")), _number(micros.get("max"))
    since = metrics.get("firstSeenTimestamp")
    application = _mapping(_mapping(key.get("client")).get("application"))
    return Entry(
        shape=shape_of({"op": "command", "ns": command["ns"], "command": command["command"]}),
        command=command,
        calls=round(_number(metrics.get("execCount")) or 0),
        numbers=numbers,
        squares=None if squares is None else squares / 1e6,
        min_ms=None if least is None else least / 1000,
        max_ms=None if most is None else most / 1000,
        sorts=round(_number(_mapping(metrics.get("hasSortStage")).get("true")) or 0),
        disk_uses=round(_number(_mapping(metrics.get("usedDisk")).get("true")) or 0),
        application=str(application.get("name") or "")[:128],
        hash=str(document.get("queryShapeHash") or "")[:64],
        since=since if isinstance(since, datetime) else None,
    )


def command_of(shape: Mapping[str, Any], unknown: Callable[[], Any]) -> Document | None:
    """``ns`` and ``command`` of a query shape, values replaced; ``None`` without a collection.

    Args:
        shape: ``key.queryShape``: its values are ``?number``, ``?array<?string>`` and the like.
        unknown: makes what stands in place of a value.
    """
    place = _mapping(shape.get("cmdNs"))
    database, collection = str(place.get("db") or ""), str(place.get("coll") or "")
    if not database or not collection or collection.startswith("$cmd"):
        return None
    name = str(shape.get("command") or "find")
    command: Document = {name: collection}
    for clause in _CLAUSES:
        if clause in shape:
            command[clause] = _filled(shape[clause], unknown)
    command |= {count: 1 for count in _COUNTS if shape.get(count)}
    return {"ns": f"{database}.{collection}", "command": command}


def _filled(value: Any, unknown: Callable[[], Any]) -> Any:
    if isinstance(value, str) and value.startswith("?"):
        return [unknown()] if value.startswith("?array") else unknown()
    if isinstance(value, Mapping):
        return {key: _filled(one, unknown) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, unknown) for one in value]
    return value


def flat(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics without the sections that newer versions put around them."""
    sections = ("cursor", "queryExec", "queryPlanner")
    found = {key: value for key, value in metrics.items() if key not in sections}
    for name in sections:
        found |= _mapping(metrics.get(name))
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    to_decimal = getattr(value, "to_decimal", None)  # Decimal128: sums of squares are large
    value = to_decimal() if to_decimal is not None else value
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


# --------------------------------------------------------------------------------------- adding up


def queries(entries: Mapping[str, Entry], database: str = "") -> list[Query]:
    """Entries added up by the shape's text, of one database or of all."""
    groups: dict[str, list[Entry]] = {}
    for one in entries.values():
        if one.calls and (not database or one.shape.namespace.partition(".")[0] == database):
            groups.setdefault(one.shape.text, []).append(one)
    return [_query(found) for found in groups.values()]


def _query(found: list[Entry]) -> Query:
    calls = sum(one.calls for one in found)
    totals = {
        name: sum(one.numbers[name] for one in found if name in one.numbers)
        for name in _METRICS
        if any(name in one.numbers for one in found)
    }
    total_ms = totals.get("total_ms", 0.0)
    mean = total_ms / calls
    squares = [one.squares for one in found if one.squares is not None]
    variance = sum(squares) / calls - mean * mean if len(squares) == len(found) else None
    sorts = sum(one.sorts for one in found)
    counts = {name: round(value) for name, value in totals.items()}
    shape = found[0].shape
    statement = Statement(
        text=shape.text,
        calls=calls,
        total_ms=total_ms,
        mean_ms=mean,
        stddev_ms=None if variance is None else math.sqrt(max(0.0, variance)),
        min_ms=min((one.min_ms for one in found if one.min_ms is not None), default=None),
        max_ms=max((one.max_ms for one in found if one.max_ms is not None), default=None),
        rows=counts.get("rows"),
        io_ms=totals.get("read_ms"),
        read_bytes=counts.get("read_bytes"),
        docs_examined=counts.get("docs"),
        keys_examined=counts.get("keys"),
        memory_sorts=sorts,
        databases=(shape.namespace.partition(".")[0],),
        applications=tuple(sorted({one.application for one in found} - {""})),
        variants=len(found),
        ids=tuple(sorted({one.hash for one in found} - {""})),
    )
    sort_docs = counts.get("docs", 0) * sorts // calls
    return Query(
        shape=shape,
        statement=statement,
        memory_sorts=sorts,
        memory_sort_docs=sort_docs,
        disk_uses=sum(one.disk_uses for one in found),
    )


def since(entries: Mapping[str, Entry]) -> datetime | None:
    """When the oldest of them was seen first."""
    return min((one.since for one in entries.values() if one.since is not None), default=None)


def changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Entries with what was added between two readings."""
    for key, one in after.items():
        added = one.without(before.get(key))
        if added is not None:
            yield key, added
