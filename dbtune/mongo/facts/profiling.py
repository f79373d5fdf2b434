"""The profiler's level in each database, and how large its collection is."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.mongo.session import Session

_MOST = 200


@dataclass(frozen=True, slots=True)
class Profiling:
    """A database.

    Attributes:
        database: its name.
        level: 0 off, 1 slow operations, 2 all operations.
        slow_ms: from which duration on an operation is slow.
        collections, indexes: how many it has.
        data_bytes, storage_bytes, index_bytes: sizes.
    """

    database: str
    level: int
    slow_ms: int
    collections: int = 0
    indexes: int = 0
    data_bytes: int = 0
    storage_bytes: int = 0
    index_bytes: int = 0


@fact("profiling")
def profiling(session: Session) -> tuple[Profiling, ...]:
    """All databases but the server's own. Least privilege: clusterMonitor."""
    found = []
    for name in session.database_names()[:_MOST]:
        if name in ("admin", "config", "local"):
            continue
        try:
            level = session.command(name, {"profile": -1})
        except Unavailable:
            level = {}
        sizes = session.command(name, {"dbStats": 1})
        found.append(
            Profiling(
                name,
                int(level.get("was", 0)),
                int(level.get("slowms", 100)),
                int(sizes.get("collections", 0)),
                int(sizes.get("indexes", 0)),
                int(sizes.get("dataSize", 0)),
                int(sizes.get("storageSize", 0)),
                int(sizes.get("indexSize", 0)),
            )
        )
    return tuple(found)
