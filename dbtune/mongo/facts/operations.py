"""What the profiler recorded lately, operation by operation, without their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.mongo.operations import Operation
from dbtune.mongo.profiler import Profiler, how_to_enable, read_operations, read_profiler
from dbtune.mongo.session import INTERNAL, Session

MOST = 5_000
"""Operations that are kept of each database, the newest."""


@dataclass(frozen=True, slots=True)
class Operations:
    """The profilers' collections, which hold the newest operations only.

    Attributes:
        at: the server's clock when they were read.
        role: the member's: each keeps a profile of its own.
        profilers: how they are set.
        operations: shapes and numbers of each operation, of each database the newest first.
        full: databases with more operations than are kept.
        unreadable: databases whose record can't be read, and why.
    """

    at: datetime
    role: str
    profilers: tuple[Profiler, ...]
    operations: tuple[Operation, ...]
    full: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def since(self, start: datetime) -> tuple[Operation, ...]:
        """Those that ended later."""
        return tuple(one for one in self.operations if one.at is not None and one.at > start)


@fact("operations")
def operations(session: Session) -> Operations:
    """Least privilege: clusterMonitor, and read on each database for its system.profile."""
    if session.role == "mongos":
        raise Unavailable("a mongos has no profiler: it is kept by each shard's members")
    at = session.now()
    profilers: list[Profiler] = []
    found: list[Operation] = []
    full = []
    refused: dict[str, Unavailable] = {}
    for name in session.database_names():
        if name in INTERNAL:
            continue
        try:
            profilers.append(read_profiler(session, name))
            here = list(read_operations(session, name, most=MOST))
        except Unavailable as missing:
            refused[name] = missing
            continue
        found += here
        full += [name] * (len(here) >= MOST)
    if not found and not any(one.level for one in profilers):
        if not profilers and (why := next(iter(refused.values()), None) or session.blind()):
            raise why
        raise how_to_enable([one.database for one in profilers])
    unreadable = {name: missing.reason for name, missing in refused.items()}
    return Operations(at, session.role, tuple(profilers), tuple(found), tuple(full), unreadable)
