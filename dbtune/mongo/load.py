"""How busy a MongoDB server is, and who is connected: what pool sizes are derived from."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.mongo import APP_NAME
from dbtune.mongo.session import Document, Session
from dbtune.readiness import round_trip_ms
from dbtune.statements import Wait
from dbtune.text import plain, shorten

LOOK_SECONDS = 0.5
_KINDS = ("reads", "writes", "commands")
_MOST_CONNECTIONS = 50_000
_INTERNAL = ("NetworkInterfaceTL", "MongoDB Internal Client")
"""Drivers of the servers themselves: members of the set, and mongos."""


@dataclass(frozen=True, slots=True)
class Application:
    """Connections of one application by one driver.

    Attributes:
        name: ``appName``; "" if it sets none.
        driver: name and version.
        hosts: machines that they come from.
        connections: open ones.
        busy: those that had an operation when they were looked at.
        internal: of members of the set or of routers.
    """

    name: str
    driver: str
    hosts: int
    connections: int
    busy: int
    internal: bool


@dataclass(frozen=True, slots=True)
class Load:
    """What was read; ``None`` is not known.

    Attributes:
        current, available: connections that are open, and that could still be opened.
        configured: ``net.maxIncomingConnections``, if it is set.
        created_per_second: connections opened meanwhile.
        seconds: how long the load was observed; 0 if not at all.
        operations: reads, writes and commands meanwhile, dbtune's own left out.
        busy_ms: time of those, all together.
        active: connections at work at each look, those that wait for news left out.
        queued: operations that waited for a lock or a ticket at each look.
        round_trip_ms: from here to the server and back.
        members: servers that a client of this deployment keeps connections to.
    """

    current: int | None = None
    available: int | None = None
    configured: int | None = None
    created_per_second: float | None = None
    seconds: float = 0.0
    operations: int = 0
    busy_ms: float = 0.0
    active: tuple[int, ...] = ()
    queued: tuple[int, ...] = ()
    round_trip_ms: float = 0.0
    members: int = 1
    applications: tuple[Application, ...] = ()
    skipped: tuple[Skipped, ...] = field(default=())

    @property
    def limit(self) -> int | None:
        """Connections that the server accepts: the setting, or less where ulimit is lower."""
        if self.current is None or self.available is None:
            return None
        return self.current + self.available

    @property
    def per_second(self) -> float | None:
        """Operations a second, if they were observed and there were any."""
        return self.operations / self.seconds if self.seconds and self.operations else None

    @property
    def mean_ms(self) -> float | None:
        """Mean time of an operation on the server."""
        return self.busy_ms / self.operations if self.operations else None

    @property
    def internal(self) -> int:
        """Connections of the servers themselves."""
        return sum(one.connections for one in self.applications if one.internal)


def observe(session: Session, seconds: float, wait: Wait) -> Load:
    """Read limits and connections, and observe the load for a time.

    What this user may not read is in ``skipped``.

    Raises:
        TargetError: the connection broke.
    """
    skipped: list[Skipped] = []
    looks: list[Document] = []

    def look() -> None:
        looks.append(session.command("admin", {"serverStatus": 1}))

    try:
        look()
        if seconds > 0:
            wait(seconds, "observing the load", LOOK_SECONDS, look)
            look()
    except Unavailable as missing:
        skipped.append(Skipped("limits and load", missing.reason, missing.remedy))
    configured = None
    try:
        parsed = session.command("admin", {"getCmdLineOpts": 1}).get("parsed", {})
        configured = parsed.get("net", {}).get("maxIncomingConnections")
    except Unavailable as missing:
        skipped.append(Skipped("net.maxIncomingConnections", missing.reason, missing.remedy))
    applications: tuple[Application, ...] = ()
    try:
        applications = read_applications(session)
    except Unavailable as missing:
        skipped.append(Skipped("applications", missing.reason, missing.remedy))
    trip = statistics.median(
        round_trip_ms(lambda: session.command("admin", {"hello": 1})) for _ in range(5)
    )
    hello = session.command("admin", {"hello": 1})
    members = len([*hello.get("hosts", ()), *hello.get("passives", ())]) or 1
    return load_of(looks, trip, configured, members, applications, tuple(skipped))


def load_of(
    looks: list[Document],
    trip: float,
    configured: object,
    members: int,
    applications: tuple[Application, ...] = (),
    skipped: tuple[Skipped, ...] = (),
) -> Load:
    """The load from what serverStatus told, in order of time."""
    if not looks:
        return Load(round_trip_ms=trip, members=members, applications=applications, skipped=skipped)
    first, last = looks[0], looks[-1]
    connections = _mapping(last, "connections")
    seconds = max(0.0, _number(last, "uptimeMillis") - _number(first, "uptimeMillis")) / 1000
    # Each look but the first is a command of ours within the time.
    operations = _grown(first, last, "ops") - (len(looks) - 1)
    return Load(
        current=_count(connections, "current"),
        available=_count(connections, "available"),
        configured=configured if isinstance(configured, int) else None,
        created_per_second=_created(first, last) / seconds if seconds else None,
        seconds=seconds,
        operations=max(0, round(operations)),
        busy_ms=max(0.0, _grown(first, last, "latency") / 1000) if operations > 0 else 0.0,
        active=tuple(_active(one) for one in looks),
        queued=tuple(_queued(one) for one in looks),
        round_trip_ms=trip,
        members=members,
        applications=applications,
        skipped=skipped,
    )


def _grown(first: Document, last: Document, what: str) -> float:
    """How much a counter of ``opLatencies`` (operations, or microseconds) grew."""
    both = (_mapping(one, "opLatencies") for one in (first, last))
    before, after = (sum(_number(_mapping(one, kind), what) for kind in _KINDS) for one in both)
    return after - before


def _created(first: Document, last: Document) -> float:
    """Connections that were opened in between."""
    both = (_number(_mapping(one, "connections"), "totalCreated") for one in (last, first))
    return max(0.0, next(both) - next(both))


def _active(status: Document) -> int:
    """Connections at work: not ours, nor those that wait for news of the topology."""
    connections = _mapping(status, "connections")
    waiting = _number(connections, "awaitingTopologyChanges")
    return max(0, round(_number(connections, "active") - waiting) - 1)


def _queued(status: Document) -> int:
    return round(_number(_mapping(_mapping(status, "globalLock"), "currentQueue"), "total"))


def read_applications(session: Session) -> tuple[Application, ...]:
    """Who is connected, most connections first.

    Raises:
        Unavailable: this user may not see the connections of others.
        TargetError: the connection broke.
    """
    stages = [
        {"$currentOp": {"allUsers": True, "idleConnections": True}},
        {"$match": {"clientMetadata": {"$exists": True}, "appName": {"$ne": APP_NAME}}},
        {"$limit": _MOST_CONNECTIONS},
        {
            "$project": {
                **dict.fromkeys(("client", "client_s", "appName", "active", "op"), 1),
                "driver": "$clientMetadata.driver",
                "hello": {"$ifNull": ["$command.hello", "$command.isMaster", "$command.ismaster"]},
            }
        },
    ]
    command = {"aggregate": 1, "pipeline": stages, "cursor": {}}
    return applications_of(list(session.documents("admin", command)))


def applications_of(connections: list[Document]) -> tuple[Application, ...]:
    """Connections by application and driver."""
    counts: Counter[tuple[str, str]] = Counter()
    busy: Counter[tuple[str, str]] = Counter()
    hosts: dict[tuple[str, str], set[str]] = {}
    for one in connections:
        driver = _mapping(one, "driver")
        text = f"{driver.get('name', '')} {driver.get('version', '')}".replace("|", " ")
        key = (_word(one.get("appName")), _word(" ".join(text.split())))
        counts[key] += 1
        busy[key] += bool(one.get("active")) and one.get("hello") is None
        client = str(one.get("client") or one.get("client_s") or "")
        hosts.setdefault(key, set()).add(client.rpartition(":")[0])
    return tuple(
        Application(name, driver, len(hosts[name, driver]), count, busy[name, driver],
                    driver.startswith(_INTERNAL))
        for (name, driver), count in counts.most_common()
    )  # fmt: skip


def _word(value: object) -> str:
    return shorten(plain(str(value or "")), 100)


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(document: Mapping[str, Any], name: str) -> float:
    found = document.get(name)
    return float(found) if isinstance(found, int | float) else 0.0


def _count(document: Mapping[str, Any], name: str) -> int | None:
    return round(_number(document, name)) if name in document else None
