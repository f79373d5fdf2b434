"""``dbtune compare`` on MongoDB: serverStatus and sizes of two periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dbtune.compare.held import Held, Span
from dbtune.compare.model import (
    Comparison,
    Frame,
    Measure,
    ObjectChange,
    ObjectState,
    Related,
    StatementChange,
    setting_changes,
    short,
    use_state,
)
from dbtune.compare.statements import align, workload_of
from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.mongo.facts.collections import collections
from dbtune.mongo.facts.operations import Operations, operations
from dbtune.mongo.facts.profiling import Profiling, profiling
from dbtune.mongo.facts.settings import settings
from dbtune.mongo.facts.status import Status, status
from dbtune.mongo.indexes.facts import Collection, Index
from dbtune.mongo.operations import Operation, queries
from dbtune.text import plain

_GROWN_BYTES = 8 * 1024**2
_GROWN_RATIO = 0.1
_LEAST_RETURNED = 1000
_CACHE = "wiredTiger.cache."


def related(first: Held, second: Held) -> Related:
    """By how long the server has been up: counters go on if it was up all the time between."""
    names = [held.snapshot.target.get("name") for held in (first, second)]
    if names[0] != names[1]:
        return Related(False, False, why="they are of different servers")
    one, other = first.maybe(status), second.maybe(status)
    if one is None or other is None:
        return Related(None, False, why="serverStatus was not read")
    between = abs((second.snapshot.collected_at - first.snapshot.collected_at).total_seconds())
    # What started the server: equal within what two clocks and a slow answer make of it.
    began = [held.snapshot.collected_at - timedelta(seconds=found.uptime_seconds)
             for held, found in ((first, one), (second, other))]  # fmt: skip
    if abs((began[1] - began[0]).total_seconds()) <= max(5.0, between * 0.001):
        return Related(True, True)
    return Related(None, False, restarted=True, why="the server was restarted")


def compared(frame: Frame, before: Span, after: Span, relation: Related) -> Comparison:
    """Two periods side by side."""
    statements, skipped, notes = _statements(before, after)
    first = before.start or before.end
    return Comparison(
        before.period(_began(before.end)),
        after.period(_began(after.end)),
        relation.cluster,
        tuple(_measures(before, after)),
        statements,
        workload_of(statements or ()),
        setting_changes(_values(first), _values(after.end)),
        frozenset(_values(after.end) or ()),
        indexes=_indexes(before, after),
        relations=_databases(first, after.end),
        skipped=tuple(skipped),
        notes=(*_notes(before.end, after.end, relation), *notes),
        seconds=(frame.after_end.collected_at - frame.first.collected_at).total_seconds(),
    )


def _began(held: Held) -> datetime | None:
    found = held.maybe(status)
    return held.snapshot.collected_at - timedelta(seconds=found.uptime_seconds) if found else None


def _notes(first: Held, last: Held, relation: Related) -> Iterator[str]:
    one, other = first.maybe(status), last.maybe(status)
    if relation.cluster is False:
        yield "the snapshots are of different servers: machine, data and load may differ"
    if one and other and one.version != other.version:
        yield f"the version changed: {one.version} before, {other.version} after"
    if relation.restarted:
        yield "the server was restarted in between: its counters began anew"


def _statements(
    before: Span, after: Span
) -> tuple[tuple[StatementChange, ...] | None, list[Skipped], list[str]]:
    """What the profilers recorded in each period, where both were set alike."""
    try:
        old, new = before.end.of(operations), after.end.of(operations)
    except Unavailable as lacking:
        return None, [Skipped("statements", lacking.reason, lacking.remedy)], []
    alike = {one.database for one in old.profilers if one in new.profilers and one.level}
    if not alike:
        why = "no profiler was on in both periods with the same limits: what each recorded differs"
        return None, [Skipped("statements", why)], []
    notes = []
    others = {one.database for one in (*old.profilers, *new.profilers) if one.level} - alike
    if others:
        notes.append(
            f"statements of {plain(', '.join(sorted(others)))} are left out: the profiler was set "
            "otherwise in the other period"
        )
    if any(one.level == 1 for one in new.profilers if one.database in alike):
        notes.append(
            "profilers record slow operations only: calls and times of statements are of those"
        )
    counted = []
    for name, span, found in (("before", before, old), ("after", after, new)):
        kept, note = _recorded(name, span, found)
        notes += note
        mine = [one for one in kept if one.shape.namespace.partition(".")[0] in alike]
        counted.append({one.statement.text: one.statement for one in queries(mine)})
    return align(*counted), [], notes


def _recorded(name: str, span: Span, found: Operations) -> tuple[Sequence[Operation], list[str]]:
    """A period's operations; the profiler's collection may have lost the first of them."""
    start = span.start.maybe(operations) if span.start else None
    since = start.at if start else span.start.snapshot.collected_at if span.start else None
    kept = found.operations if since is None else found.since(since)
    first = min((one.at for one in found.operations if one.at is not None), default=None)
    if since is None or first is None or first <= since:
        return kept, []
    begins = first.strftime("%H:%M:%S UTC")
    return kept, [
        f"{name}: the first operation in the profiler's record is of {begins}; it keeps the newest "
        "only, so some of the period may be missing"
    ]


def _values(held: Held) -> Mapping[str, str] | None:
    found = held.maybe(settings)
    return found.values if found else None


def _measures(before: Span, after: Span) -> Iterator[Measure]:
    old, new = before.maybe(status), after.maybe(status)
    if old is None or new is None:
        return

    def rate(*names: str) -> tuple[float, float]:
        each = [sum(one.grown(name) for name in names) / one.seconds for one in (old, new)]
        return each[0], each[1]

    def per(name: str, other: str) -> tuple[float | None, float | None]:
        each = [_quotient(one.grown(name), one.grown(other)) for one in (old, new)]
        return each[0], each[1]

    few = min(one.grown("metrics.document.returned") for one in (old, new)) < _LEAST_RETURNED
    unjudged = "fewer than 1,000 documents returned" if few else ""
    kinds = ("query", "insert", "update", "delete", "getmore", "command")
    yield Measure(
        "operations_per_second", "operations/s", "float", *rate(*(f"opcounters.{k}" for k in kinds))
    )
    yield Measure(
        "documents_examined_per_returned", "documents looked at per one returned", "float",
        *per("metrics.queryExecutor.scannedObjects", "metrics.document.returned"),
        "less", 1.5, 2.0, unjudged,
    )  # fmt: skip
    yield Measure(
        "keys_examined_per_returned", "index keys looked at per document returned", "float",
        *per("metrics.queryExecutor.scanned", "metrics.document.returned"),
        "less", 1.5, 5.0, unjudged,
    )  # fmt: skip
    brief = short(old.seconds, new.seconds)
    yield Measure(
        "collection_scans_per_second", "collection scans/s", "float",
        *rate("metrics.queryExecutor.collectionScans.nonTailable"), "less", 1.5, 1.0, brief,
    )  # fmt: skip
    yield Measure(
        "sorts_in_memory_per_second", "sorts without an index/s", "float",
        *rate("metrics.operation.scanAndOrder"), "less", 1.5, 1.0, brief,
    )  # fmt: skip
    yield Measure(
        "write_conflicts_per_second", "write conflicts/s", "float",
        *rate("metrics.operation.writeConflicts"), "less", 1.5, 1.0, brief,
    )  # fmt: skip
    yield Measure(
        "cache_read_bytes_per_second", "read into the cache/s", "bytes",
        *rate(f"{_CACHE}bytes read into cache"), "less", 1.5, 1024**2, brief,
    )  # fmt: skip
    yield Measure(
        "evictions_by_applications_per_second", "pages evicted by applications/s", "float",
        *rate(f"{_CACHE}pages evicted by application threads"), "less", 1.5, 1.0, brief,
    )  # fmt: skip
    yield Measure("cache_used_ratio", "cache filled", "ratio", _cache_used(old), _cache_used(new))
    yield Measure(
        "connections", "connections", "int",
        old.number("connections.current"), new.number("connections.current"),
    )  # fmt: skip


def _quotient(above: float, below: float) -> float | None:
    return above / below if below else None


def _cache_used(one: Status) -> float | None:
    most = one.number(f"{_CACHE}maximum bytes configured")
    return _quotient(one.number(f"{_CACHE}bytes currently in the cache"), most)


def _indexes(before: Span, after: Span) -> tuple[ObjectChange, ...] | None:
    """Indexes that came, went or changed, and those that are used now or no longer."""
    first = (before.start or before.end).maybe(collections)
    last = after.end.maybe(collections)
    if first is None or last is None:
        return None
    old, new = _by_name(first), _by_name(last)
    used, uses = _used(before), _used(after)
    lengths = [span.period(_began(span.end)).seconds for span in (before, after)]
    changes = []
    for name in sorted(old.keys() | new.keys()):
        here, there = old.get(name), new.get(name)
        state = _index_state(here, there)
        if state is None:
            state = use_state(used.get(name), uses.get(name), *lengths)
        one = there or here
        if state is None or one is None:
            continue
        changes.append(
            ObjectChange(
                "index", name, state, one.namespace,
                here.size_bytes if here else None, there.size_bytes if there else None,
                used.get(name), uses.get(name), definition=_definition(one),
                remark=f"was {_definition(here)}" if here and state == "changed" else "",
            )
        )  # fmt: skip
    return tuple(changes)


def _by_name(found: tuple[Collection, ...]) -> dict[str, Index]:
    return {f"{one.namespace}.{index.name}": index for one in found for index in one.indexes}


def _index_state(old: Index | None, new: Index | None) -> ObjectState | None:
    if old is None or new is None:
        return "new" if old is None else "gone"
    return "changed" if _definition(old) != _definition(new) else None


def _definition(one: Index) -> str:
    keys = ", ".join(f"{name}: {way}" for name, way in one.keys)
    more = [word for word in ("unique", "sparse", "hidden") if getattr(one, word)]
    more += [f"partial {dict(one.partial)}"] if one.partial else []
    more += [f"TTL {one.expire_seconds:g} s"] if one.expire_seconds is not None else []
    return " ".join([f"{{{keys}}}", *more])


def _used(span: Span) -> dict[str, float]:
    """How often each index was used in a period, where that is told and was not reset."""
    late = _by_name(span.end.maybe(collections) or ())
    early = _by_name(span.start.maybe(collections) or ()) if span.start else {}
    found = {}
    for name, one in late.items():
        if one.ops is None:
            continue
        old = early.get(name)
        base = old.ops if old and old.since == one.since and old.ops is not None else 0
        found[name] = float(one.ops - base if one.ops >= base else one.ops)
    return found


def _databases(first: Held, last: Held) -> tuple[ObjectChange, ...] | None:
    try:
        old = {one.database: one for one in first.of(profiling)}
        new = {one.database: one for one in last.of(profiling)}
    except Unavailable:
        return None
    changes = [_database(name, old.get(name), new.get(name)) for name in old.keys() | new.keys()]
    found = [one for one in changes if one is not None]
    return tuple(sorted(found, key=lambda one: (-abs(one.growth_bytes), one.name)))


def _database(name: str, old: Profiling | None, new: Profiling | None) -> ObjectChange | None:
    sizes = [one.storage_bytes + one.index_bytes if one else None for one in (old, new)]
    if old is None:
        return ObjectChange("database", name, "new", after_bytes=sizes[1])
    if new is None:
        return ObjectChange("database", name, "gone", before_bytes=sizes[0])
    before, after = sizes[0] or 0, sizes[1] or 0
    if abs(after - before) >= max(_GROWN_BYTES, _GROWN_RATIO * min(before, after)):
        return ObjectChange(
            "database", name, "grew" if after > before else "shrank",
            before_bytes=before, after_bytes=after,
        )  # fmt: skip
    if (old.indexes, old.collections) != (new.indexes, new.collections):
        remark = (
            f"{old.collections} collections with {old.indexes} indexes before, "
            f"{new.collections} with {new.indexes} after"
        )
        return ObjectChange(
            "database", name, "changed", before_bytes=before, after_bytes=after, remark=remark
        )
    return None
