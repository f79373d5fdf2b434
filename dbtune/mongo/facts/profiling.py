"""The profiler's level in each database, and how large its collection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        unread: why level and slow_ms are ``None``.
        remedy: what would change that.
        collections, indexes: how many it has.
        data_bytes, storage_bytes, index_bytes: sizes.
    """

    database: str
    level: int | None
    slow_ms: int | None
    collections: int = 0
    indexes: int = 0
    data_bytes: int = 0
    storage_bytes: int = 0
    index_bytes: int = 0
    unread: str = ""
    remedy: str = ""


@fact("profiling")
def profiling(session: Session) -> tuple[Profiling, ...]:
    """All databases but the server's own. Least privilege: clusterMonitor."""
    if (missing := session.blind()) is not None:
        raise missing
    found = []
    for name in session.database_names()[:_MOST]:
        if name in ("admin", "config", "local"):
            continue
        level: dict[str, Any] = {}
        unread = remedy = ""
        try:
            level = session.command(name, {"profile": -1})
        except Unavailable as refused:
            unread, remedy = refused.reason, refused.remedy
        sizes = session.command(name, {"dbStats": 1})
        found.append(
            Profiling(
                name,
                level.get("was"),
                level.get("slowms"),
                int(sizes.get("collections", 0)),
                int(sizes.get("indexes", 0)),
                int(sizes.get("dataSize", 0)),
                int(sizes.get("storageSize", 0)),
                int(sizes.get("indexSize", 0)),
                unread,
                remedy,
            )
        )
    return tuple(found)
