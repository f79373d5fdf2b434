"""The replica set as this member sees it, and how far its oplog reaches back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.mongo.session import Session


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the replica set.

    Attributes:
        name: host and port.
        state: ``PRIMARY``, ``SECONDARY``, ``ARBITER``, ``RECOVERING`` ...
        healthy: whether it answers.
        lag_seconds: behind the primary's newest operation; ``None`` without a primary.
        self: whether it is the one that was asked.
    """

    name: str
    state: str
    healthy: bool
    lag_seconds: float | None = None
    self: bool = False


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """A replica set; without members that of a standalone server, which has none.

    Attributes:
        name: its name.
        members: by name.
        voting: how many members vote.
        majority: how many votes a primary needs.
    """

    name: str
    members: tuple[Member, ...]
    voting: int = 0
    majority: int = 0

    @property
    def has_primary(self) -> bool:
        """Whether one is seen."""
        return any(one.state == "PRIMARY" for one in self.members)


@dataclass(frozen=True, slots=True)
class Oplog:
    """The log of operations that secondaries follow; of no size on a standalone server.

    Attributes:
        window_seconds: between its first and its last entry.
        size_bytes, max_bytes: taken and allowed.
    """

    window_seconds: float
    size_bytes: int
    max_bytes: int


@fact("replica_set")
def replica_set(session: Session) -> ReplicaSet:
    """Least privilege: clusterMonitor."""
    if session.role == "standalone":
        return ReplicaSet("", ())
    found = session.command("admin", {"replSetGetStatus": 1})
    members = found.get("members", [])
    newest = max((one["optimeDate"] for one in members if one.get("stateStr") == "PRIMARY"),
                 default=None)  # fmt: skip
    return ReplicaSet(
        str(found.get("set", "")),
        tuple(
            Member(
                str(one.get("name", "")),
                str(one.get("stateStr", "")),
                one.get("health") == 1,
                _lag(newest, one.get("optimeDate"), str(one.get("stateStr", ""))),
                bool(one.get("self")),
            )
            for one in members
        ),
        int(found.get("votingMembersCount", 0)),
        int(found.get("majorityVoteCount", 0)),
    )


def _lag(newest: datetime | None, own: datetime | None, state: str) -> float | None:
    if newest is None or own is None or state not in ("SECONDARY", "RECOVERING"):
        return None
    return max((newest - own).total_seconds(), 0.0)


@fact("oplog")
def oplog(session: Session) -> Oplog:
    """Least privilege: clusterMonitor, which includes reading local.oplog.rs."""
    if session.role == "standalone":
        return Oplog(0.0, 0, 0)
    sized = session.command("local", {"collStats": "oplog.rs"})
    if not sized.get("capped"):
        raise Unavailable("there is no oplog yet")
    ends = []
    for direction in (1, -1):
        query = {"find": "oplog.rs", "sort": {"$natural": direction}, "limit": 1,
                 "projection": {"ts": 1}}  # fmt: skip
        ends += [one["ts"].time for one in session.documents("local", query)]
    window = float(ends[1] - ends[0]) if len(ends) == 2 else 0.0
    return Oplog(window, int(sized.get("size", 0)), int(sized.get("maxSize", 0)))
