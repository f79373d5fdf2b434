"""How indexes were used, on a server and on its standbys together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.postgres.relations.facts import Relations
from dbtune.text import ms_text, plural


@dataclass(frozen=True, slots=True)
class Usage:
    """Scans of indexes since a moment.

    Attributes:
        since: from when on every server that was asked counts.
        seconds: how long ago that is.
        certain: whether it is certain that the database is that old.
        servers: how many were asked.
        unseen_standbys: how many more are connected whose scans are not in here.
        scans: by oid of the index; of a partitioned one, of all its parts.
        last_scan: by oid, where that is known (PostgreSQL 16 and later).
    """

    since: datetime
    seconds: float
    certain: bool
    servers: int
    unseen_standbys: int
    scans: Mapping[int, int]
    last_scan: Mapping[int, datetime]

    @property
    def period(self) -> str:
        """The time as people read it: ``31 d 4 h``."""
        return ms_text(self.seconds * 1000)


def usage(relations: Relations, replicas: Sequence[Relations] = ()) -> Usage:
    """Put scans of a server and of its standbys together.

    Args:
        relations: of the server.
        replicas: of its standbys (or subscribers: indexes are matched by name).

    Raises:
        Unavailable: nothing is counted, or it is not known since when.
    """
    nodes = (relations, *replicas)
    if any(node.settings.get("track_counts") == "off" for node in nodes):
        raise Unavailable(
            "scans are not counted: track_counts is off",
            "ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();",
        )
    starts = [node.stats_since for node in nodes]
    if None in starts:
        raise Unavailable("it is not known since when scans are counted")
    since = max(at for at in starts if at is not None)
    seconds = max(0.0, min((node.at - since).total_seconds() for node in nodes))
    scans, last = _counted(nodes)
    return Usage(
        since,
        seconds,
        all(node.stats_since_is_certain for node in nodes),
        len(nodes),
        max(0, relations.standbys - len(replicas)),
        scans,
        last,
    )


def _counted(nodes: Sequence[Relations]) -> tuple[dict[int, int], dict[int, datetime]]:
    scans: dict[int, int] = {}
    last: dict[int, datetime] = {}
    by_name = {(one.schema, one.name): one.oid for one in nodes[0].indexes}
    parents = {one.oid: one.parent for one in nodes[0].indexes}
    for node in nodes:
        for index in node.indexes:
            oid: int | None = by_name.get((index.schema, index.name))
            while oid is not None:
                scans[oid] = scans.get(oid, 0) + (index.scans or 0)
                if index.last_scan is not None:
                    last[oid] = max(last.get(oid, index.last_scan), index.last_scan)
                oid = parents.get(oid)
    return scans, last


def servers_text(counted: Usage) -> str:
    """On how many servers scans were counted, and what that leaves out; "" for a lone server."""
    parts = []
    if counted.servers > 1:
        parts.append(f" on {plural(counted.servers, 'server')}")
    if counted.unseen_standbys:
        standbys = plural(counted.unseen_standbys, "standby", "standbys")
        parts.append(f"; {standbys} not asked")
    return "".join(parts)
