"""Read what the database profiler recorded: each database's ``system.profile``.

``system.profile`` is a capped collection, 1 MB unless somebody made it larger, kept on each member
for itself. It is read newest first and streamed: nothing but sums stays in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.mongo import APP_NAME
from dbtune.mongo.operations import Operation, Query, operation_of, queries
from dbtune.mongo.session import Document, Session
from dbtune.mongo.shellprint import database_text

MAX_OPERATIONS = 20_000
"""Most operations that are read from one database, the newest; 1 MB holds one or two thousand."""

_BATCH = 500
_FIELDS = (
    "ts op ns command originatingCommand user millis docsExamined keysExamined nreturned nModified "
    "nUpserted ndeleted ninserted planSummary hasSortStage usedDisk writeConflicts queryHash "
    "planCacheShapeHash planningTimeMicros cursorid errCode storage.data"
).split()


@dataclass(frozen=True, slots=True)
class Profiler:
    """A database's profiler as it is set.

    Attributes:
        database: the database.
        level: 0 off, 1 slow operations, 2 all operations.
        slow_ms: operations from here on are slow (the whole process has one value).
        sample_ratio: share of the slow operations that is recorded.
        filtered: a filter decides in place of ``slow_ms`` and ``sample_ratio``.
    """

    database: str
    level: int
    slow_ms: float = 100
    sample_ratio: float = 1.0
    filtered: bool = False


def read_profiler(session: Session, database: str) -> Profiler:
    """How a database's profiler is set; reading it changes nothing.

    Raises:
        Unavailable: this user may not, or it is a mongos.
        TargetError: the connection broke.
    """
    told = session.command(database, {"profile": -1})
    return Profiler(
        database,
        int(told.get("was", 0)),
        float(told.get("slowms", 100)),
        float(told.get("sampleRate", 1.0)),
        bool(told.get("filter")),
    )


@dataclass(slots=True)
class Recorded:
    """What the profilers of some databases recorded.

    Attributes:
        queries: the operations, added up by shape.
        since: when the oldest of them ended, by the server's clock; ``None`` if there is none.
        full: databases with more operations than were read.
        unreadable: databases whose record can't be read, and why.
        most: operations of one database that were read at most.
    """

    queries: list[Query] = field(default_factory=list)
    since: datetime | None = None
    full: list[str] = field(default_factory=list)
    unreadable: dict[str, Unavailable] = field(default_factory=dict)
    most: int = MAX_OPERATIONS


def read_recorded(
    session: Session,
    databases: Iterable[str],
    *,
    after: datetime | None = None,
    user: str = "",
) -> Recorded:
    """Read and add up the recorded operations of some databases.

    dbtune's own operations and those on system collections are left out.

    Args:
        session: an open session.
        databases: whose ``system.profile``.
        after: only operations that ended later than this, by the server's clock.
        user: only operations of this user, ``name`` or ``name@database``.

    Raises:
        TargetError: the connection broke.
    """
    recorded = Recorded()

    def stream() -> Iterator[Operation]:
        for name in databases:
            count = 0
            try:
                for one in read_operations(session, name, after=after):
                    count += 1
                    if one.at is not None:
                        recorded.since = min(recorded.since or one.at, one.at)
                    if not user or user in (one.user, one.user.rpartition("@")[0]):
                        yield one
            except Unavailable as missing:
                recorded.unreadable[name] = missing
            if count >= MAX_OPERATIONS:
                recorded.full.append(name)

    recorded.queries = queries(stream())
    return recorded


def read_operations(
    session: Session,
    database: str,
    *,
    after: datetime | None = None,
    most: int = MAX_OPERATIONS,
) -> Iterator[Operation]:
    """A database's recorded operations, the newest first, without dbtune's own.

    Raises:
        Unavailable: this user may not.
        TargetError: the connection broke.
    """
    wanted: Document = {
        "appName": {"$ne": APP_NAME},
        "ns": {"$not": {"$regex": r"^[^.]*\.system\."}},
    }
    if after is not None:
        wanted["ts"] = {"$gt": after}
    command = {
        "find": "system.profile",
        "filter": wanted,
        "projection": dict.fromkeys(_FIELDS, 1) | {"_id": 0},
        "sort": {"$natural": -1},
        "limit": most,
        "batchSize": _BATCH,
    }
    return map(operation_of, session.documents(database, command))


def how_to_enable(databases: Sequence[str]) -> Unavailable:
    """That the profiler is off, and the statements that turn it on and off again."""
    listed = ", ".join(databases[:5]) + (", …" if databases[5:] else "")
    here = database_text(databases[0] if len(databases) == 1 else "DATABASE")
    return Unavailable(
        f"the profiler is off{f' in {listed}' if listed else ''}, and nothing is recorded. On, it "
        "writes each recorded operation to a capped collection of 1 MB, with its values, and "
        "slowms and filter then hold for the log of the whole server, too",
        f"{here}.setProfilingLevel(1, {{slowms: 100, filter: {{millis: {{$gte: 100}}, "
        f'appName: {{$ne: "{APP_NAME}"}}}}}})\n'
        f"// and when you have seen enough:\n"
        f'{here}.setProfilingLevel(0, {{slowms: 100, filter: "unset"}})',
    )
