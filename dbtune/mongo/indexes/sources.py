"""Where a workload comes from: the profiler, a log, ``$queryStats``, or one query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.logs.blocks import Damaged, decoded
from dbtune.logs.files import STDIN, expand
from dbtune.mongo import APP_NAME
from dbtune.mongo.indexes.commands import UNKNOWN
from dbtune.mongo.indexes.views import View, read_views
from dbtune.mongo.indexes.workload import Workload
from dbtune.mongo.logfile import Counts, operations
from dbtune.mongo.logs.read import lines_of
from dbtune.mongo.profiler import MAX_OPERATIONS, how_to_enable
from dbtune.mongo.query_stats import Entry, read_query_stats
from dbtune.mongo.session import Document, Session
from dbtune.text import count_text, plain, plural

_FIELDS = (
    "op ns command millis docsExamined keysExamined nreturned planSummary errCode errMsg"
).split()
_INTERNAL = frozenset(("admin", "config", "local"))


@dataclass(slots=True)
class Source:
    """A workload, where it is from, and what it leaves out."""

    workload: Workload = field(default_factory=Workload)
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def from_server(session: Session, database: str = "") -> Source:
    """What a server remembers: ``$queryStats`` where there is that, else its profilers.

    Raises:
        TargetError: the connection broke.
    """
    databases = [database] if database else _databases(session)
    found = Source(Workload(read_views(session, databases)))
    try:
        documents = list(_query_stats(session, databases))
    except Unavailable:
        documents = []  # only some servers have it: that is no news
    if documents:
        found.workload.add_all(documents)
        found.names.append("$queryStats")
    recorded: list[str] = []
    off: list[str] = []
    for name in databases:
        before = found.workload.operations
        try:
            found.workload.add_all(_profiled(session, name))
        except Unavailable as missing:
            what = f"system.profile of {name}"
            found.skipped.append(Skipped(what, missing.reason, missing.remedy))
            continue
        (recorded if found.workload.operations > before else off).append(name)
    if recorded:
        found.names.append("system.profile of " + ", ".join(recorded))
    if not found.names and off:
        reason = how_to_enable(off)
        found.skipped.append(Skipped("system.profile", reason.reason, reason.remedy))
    return found


def _databases(session: Session) -> list[str]:
    names = session.database_names()
    if session.database in names and session.database not in _INTERNAL:
        return [session.database]
    return [name for name in names if name not in _INTERNAL]


def _profiled(session: Session, database: str) -> Iterator[Document]:
    command = {
        "find": "system.profile",
        "filter": {
            "appName": {"$ne": APP_NAME},
            "ns": {"$not": {"$regex": r"^[^.]*\.system\."}},
        },
        "projection": dict.fromkeys(_FIELDS, 1) | {"_id": 0},
        "sort": {"$natural": -1},
        "limit": MAX_OPERATIONS,
        "batchSize": 500,
    }
    return session.documents(database, command)


def from_logs(names: Sequence[str], views: Mapping[str, View] = MappingProxyType({})) -> Source:
    """The slow operations of some logs, streamed.

    Raises:
        UsageError: one of them can't be read, or is no log.
    """
    found = Source(Workload(views))
    for name in expand(names):
        counts = Counts()
        shown = "standard input" if name == STDIN else plain(name)
        try:
            found.workload.add_all(operations(map(decoded, lines_of(name)), counts))
        except Damaged as error:
            found.notes.append(f"{shown} could not be read to its end: {error}")
        found.names.append(shown)
        if not counts.operations:
            found.notes.append(
                f"{shown}: no slow operation in {plural(counts.lines, 'line')}: the server logs "
                "those over slowms (100 ms)"
            )
        if counts.unreadable:
            found.notes.append(
                f"{shown}: {plural(counts.unreadable, 'entry', 'entries')} could not be read or "
                "were cut by the server (maxLogSizeKB)"
            )
    return found


def left_out(workload: Workload) -> Iterator[str]:
    """What of a workload is not judged, or not as it runs."""
    if workload.left_out:
        yield f"{count_text(workload.left_out)} operations of rarer shapes were left out"
    if workload.hinted:
        yield (
            f"{plural(workload.hinted, 'operation')} had a hint: while there is one, no other "
            "index is used, whatever is better"
        )


# ------------------------------------------------------------------------------------ $queryStats


def _query_stats(session: Session, databases: Sequence[str]) -> Iterator[Document]:
    """Shapes that ``$queryStats`` has counted, as operations; their values are not told."""
    for one in read_query_stats(session, lambda: UNKNOWN).values():
        if one.shape.namespace.partition(".")[0] in databases:
            yield from counted(one)


def counted(entry: Entry) -> Iterator[Document]:
    """The calls of an entry, each with the mean of all."""
    calls = max(1, entry.calls)
    rows = entry.numbers.get("rows", 0.0) / calls
    command = dict(entry.command["command"])
    if "limit" in command:
        command["limit"] = max(1, round(rows))
    told: Document = {
        "op": "query",
        "ns": entry.command["ns"],
        "command": command,
        "millis": entry.numbers.get("total_ms", 0.0) / calls,
        "nreturned": rows,
    }
    for name, key in (("docs", "docsExamined"), ("keys", "keysExamined")):
        if name in entry.numbers:
            told[key] = entry.numbers[name] / calls
    for _ in range(min(calls, 1000)):
        yield told
