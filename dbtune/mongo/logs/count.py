"""Entries added to a digest: what each slow operation did, and what else is told."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from dbtune.logs.blocks import decoded
from dbtune.logs.tally import Sum, add, buckets
from dbtune.mongo import APP_NAME
from dbtune.mongo.logs.digest import Digest, Logged
from dbtune.mongo.logs.entries import Entry, Event, entry_of, event_of, stamp_of
from dbtune.mongo.logs.structure import structure
from dbtune.mongo.shape import query_hash, shape_of
from dbtune.mongo.shelltext import extended
from dbtune.text import shorten

SLOW_QUERY = 51803
_KINDS = {"find": "query", "getMore": "getmore", "update": "update", "delete": "remove"}
_WRITES = frozenset(("update", "delete", "bulkWrite"))
_MOST_STRUCTURES = 20_000
_MOST_CURSORS = 20_000
_MOST_PENDING = 100_000
_MOST_PLANS = 20
_EXTENDED = json.JSONDecoder(object_hook=extended).decode


class _Op(NamedTuple):
    """What structure tells of an operation: the shape it is added to, and what it is."""

    logged: Logged
    getmore: bool
    batch: bool


class Counting:
    """Adds lines of a log, or of a part of it, to a digest."""

    def __init__(
        self, digest: Digest, *, since: str = "", until: str = "", database: str = ""
    ) -> None:
        """Make one.

        Args:
            digest: where they are added.
            since: only entries of this time (as the log writes it) and later.
            until: only entries before this time.
            database: only operations in this database.
        """
        self._digest = digest
        self._since, self._until = since, until or "\x7f"
        self._database = database
        self._known: dict[Hashable, _Op | None] = {}
        self._cursors: dict[int, None] = {}
        self._written: dict[str, float] = {}
        self._pending: dict[tuple[int, str, str], tuple[Logged, list[float]]] = {}
        self._hour, self._zone = "", ""
        self._count = 0

    def feed(self, lines: Iterable[bytes]) -> None:
        """Count whole lines."""
        seen, first, last = self._digest.seen, self._digest.seen.first, self._digest.seen.last
        records = 0
        for line in lines:
            if not line or line.isspace():
                continue
            seen.bytes += len(line) + 1
            entry = entry_of(line)
            stamp = stamp_of(entry) if entry is not None else ""
            if entry is None or not stamp:
                # Of what a line holds only its beginning up to a value can be shown.
                seen.skip(shorten(decoded(line[:40]), 30))
                continue
            if not self._since <= stamp < self._until:
                continue
            records += 1
            first = min(first, stamp) if first else stamp
            last = max(last, stamp)
            if entry.get("id") == SLOW_QUERY and entry["msg"] == "Slow query":
                self._operation(entry, stamp, line)
            else:
                self._other(event_of(entry, stamp))
        seen.first, seen.last = first, last
        seen.records += records

    def go_on_in(self, digest: Digest) -> None:
        """Add what comes to another digest.

        A getMore of a query that is counted in the digest before is a call of its own there.
        """
        self._digest = digest
        self._known.clear()
        self._cursors.clear()

    def finish(self) -> None:
        """Count what is not counted yet."""
        self._add_up()
        self._known.clear()
        shapes = self._digest.shapes
        for text in [text for text, one in shapes.items() if not one.calls]:
            del shapes[text]  # of a command whose statements are counted
        self._digest.bound()

    # --------------------------------------------------------------------------------- operations

    def _operation(self, entry: Entry, stamp: str, line: bytes) -> None:
        attr = entry.get("attr")
        command = attr.get("command") if isinstance(attr, dict) else None
        if not isinstance(attr, dict) or not isinstance(command, dict) or not command:
            self._digest.unreadable += 1
            return
        if attr.get("appName") == APP_NAME:
            return
        # Before the shape is looked up: adding up may leave shapes out.
        if stamp[:13] != self._hour or self._count > _MOST_PENDING:
            self._add_up()
            self._hour, self._zone = stamp[:13], stamp[23:]
        origin = attr.get("originatingCommand")
        key = (
            attr.get("ns"),
            attr.get("type"),
            entry.get("c"),
            structure(command),
            structure(origin) if isinstance(origin, dict) else None,
        )
        try:
            op = self._known[key]
        except KeyError:
            op = self._known[key] = self._made(entry, line)
        except TypeError:  # a namespace that is a document: no server writes that
            self._digest.unreadable += 1
            return
        if op is not None:
            self._add(op, entry, attr, command, stamp)

    def _made(self, entry: Entry, line: bytes) -> _Op | None:
        """What a structure that is seen the first time stands for."""
        if len(self._known) > _MOST_STRUCTURES:
            self._known.clear()
        try:
            document = operation_of(_EXTENDED(decoded(line)))
        except (ValueError, RecursionError, AttributeError):
            document = operation_of(entry)  # values that only look like Extended JSON
        shape = shape_of(document)
        if self._database and shape.namespace.partition(".")[0] != self._database:
            return None
        logged = self._digest.shapes.get(shape.text)
        if logged is None:
            logged = self._digest.shapes[shape.text] = Logged(shape)
        return _Op(logged, document.get("op") == "getmore", bool(document.get("batch")))

    def _add(
        self,
        op: _Op,
        entry: Entry,
        attr: Mapping[str, Any],
        command: Mapping[str, Any],
        stamp: str,
    ) -> None:
        ms = _number(attr.get("durationMillis"))
        if op.batch or entry.get("c") == "WRITE":
            ms = self._of_batch(op, str(entry.get("ctx")), ms)
            if ms < 0:
                return
        one = op.logged
        self._digest.operations += 1
        goes_on = "cursorid" in attr and self._goes_on(op, attr["cursorid"])
        application = str(attr.get("appName") or "")[:128]
        host = _host(attr.get("remote"))
        if goes_on:
            one.total_ms += ms
        else:
            key = (id(one), application, host)
            if key in self._pending:
                self._pending[key][1].append(ms)
            else:
                self._pending[key] = (one, [ms])
            self._count += 1
        _add_numbers(one, attr, command)
        if ms > self._digest.slowest.least:
            self._digest.slowest.add(
                ms,
                {"at": stamp, "application": application, "host": host, "text": one.shape.text}
                | {"plan": str(attr.get("planSummary") or "")[:200]},
            )
        if entry.get("truncated"):
            one.cut += 1

    def _goes_on(self, op: _Op, cursor: object) -> bool:
        """Whether an operation is part of a query that has been counted; its cursor is noted."""
        if type(cursor) is not int:
            return False
        if cursor in self._cursors:
            return op.getmore
        if len(self._cursors) > _MOST_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        self._cursors[cursor] = None
        return False

    def _of_batch(self, op: _Op, context: str, ms: float) -> float:
        """The time of a command of writes beyond that of its statements; -1 if there is little.

        Each statement is logged if it was slow, before its command is, which tells the sum.
        """
        if not op.batch:
            if len(self._written) > _MOST_CURSORS:
                self._written.clear()
            self._written[context] = self._written.get(context, 0.0) + ms
            return ms
        told = self._written.pop(context, 0.0)
        rest = ms - told
        return -1.0 if told and rest < ms / 2 else rest

    def _add_up(self) -> None:
        hour = f"{self._hour}{self._zone}"
        for (_, application, host), (one, values) in self._pending.items():
            count, total, most = len(values), sum(values), max(values)
            one.calls += count
            one.total_ms += total
            one.squares += sum([ms * ms for ms in values])
            one.min_ms = min(one.min_ms, min(values))
            one.max_ms = max(one.max_ms, most)
            # Times are whole milliseconds; what took less is half of one.
            for bucket, number in buckets([ms or 0.5 for ms in values]).items():
                one.buckets[bucket] = one.buckets.get(bucket, 0) + number
            spent = Sum(count, total, most)
            one.hours.setdefault(hour, Sum()).merge(spent)
            self._digest.hours.setdefault(hour, Sum()).merge(spent)
            add(one.applications, application, count, total, most)
            add(one.hosts, host, count, total, most)
        self._pending.clear()
        self._count = 0
        if self._digest.bound(2):
            self._known.clear()

    # ------------------------------------------------------------------------------------- others

    def _other(self, event: Event) -> None:
        self._digest.messages.take(event)
        self._digest.connections.take(event)
        self._digest.happened.take(event)


def operation_of(entry: Entry) -> dict[str, Any]:
    """A slow operation as the profiler would tell it, as far as its shape goes.

    ``batch`` is true of a command whose statements are logged each for itself.
    """
    attr = entry.get("attr", {})
    command = attr.get("command")
    name = str(next(iter(command), "")) if isinstance(command, Mapping) else ""
    kind = str(attr.get("type", "command"))
    return {
        "op": kind if kind in ("update", "remove", "insert") else _KINDS.get(name, "command"),
        "ns": attr.get("ns", ""),
        "command": command,
        "originatingCommand": attr.get("originatingCommand"),
        "batch": entry.get("c") == "COMMAND" and name in _WRITES,
        "queryHash": query_hash(attr),
    }


def _number(value: object) -> float:
    # Not numbers, infinite ones and negative ones are hostile or broken.
    if (type(value) is int or type(value) is float) and 0 <= value < 1e15:
        return value
    return 0.0


def _host(remote: object) -> str:
    return remote.rpartition(":")[0][:100] if isinstance(remote, str) else ""


_WRITTEN = ("nMatched", "nUpserted", "ndeleted", "ninserted")


def _add_numbers(one: Logged, attr: Mapping[str, Any], command: Mapping[str, Any]) -> None:
    # Every operation passes here: what most have is looked up once, what few have only then.
    get, numbers = attr.get, one.numbers
    docs, keys, rows = get("docsExamined"), get("keysExamined"), get("nreturned")
    if docs is not None:
        numbers["docs"] = numbers.get("docs", 0.0) + _number(docs)
    if keys is not None:
        numbers["keys"] = numbers.get("keys", 0.0) + _number(keys)
    if rows is not None:
        numbers["rows"] = numbers.get("rows", 0.0) + _number(rows)
    elif written := [_number(attr[name]) for name in _WRITTEN if name in attr]:
        numbers["rows"] = numbers.get("rows", 0.0) + sum(written)
    if storage := get("storage"):
        _add_storage(numbers, storage)
    if (planned := get("planningTimeMicros")) is not None:
        numbers["planning_ms"] = numbers.get("planning_ms", 0.0) + _number(planned) / 1000
    plan = get("planSummary")
    if plan and type(plan) is str:
        plan = plan[:200]
        if plan in one.plans or len(one.plans) < _MOST_PLANS:
            one.plans[plan] = one.plans.get(plan, 0) + 1
        one.collection_scans += "COLLSCAN" in plan
    number = get("planCacheShapeHash") or get("queryHash")
    if type(number) is str and number not in one.hashes and len(one.hashes) < _MOST_PLANS:
        one.hashes[query_hash(attr)] = 1
    if "hasSortStage" in attr:
        one.memory_sorts += 1
        one.memory_sort_docs += int(_number(docs))
    if yields := get("numYields"):
        one.yields += int(_number(yields))
    if "usedDisk" in attr:
        one.disk_uses += 1
    if "errCode" in attr:
        one.failures += 1
    if "writeConflicts" in attr:
        one.write_conflicts += int(_number(attr["writeConflicts"]))
    if "skip" in command:
        one.max_skip = max(one.max_skip, int(_number(command["skip"])))


def _add_storage(numbers: dict[str, float], storage: object) -> None:
    data = storage.get("data") if isinstance(storage, dict) else None
    if isinstance(data, dict):
        numbers["read_bytes"] = numbers.get("read_bytes", 0.0) + _number(data.get("bytesRead"))
        read_ms = _number(data.get("timeReadingMicros")) / 1000
        numbers["read_ms"] = numbers.get("read_ms", 0.0) + read_ms
