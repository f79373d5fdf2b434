"""What dbtune's commands can read on a MongoDB server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dbtune.errors import Unavailable
from dbtune.mongo.session import Session
from dbtune.readiness import Need, report, round_trip_ms
from dbtune.report import Report


def examine(session: Session, connect_ms: float) -> Report:
    """What the server is, who we are there, and what that is enough for.

    Raises:
        TargetError: the connection broke.
    """
    url = session.profile.url.reveal().lower()
    encrypted = url.startswith("mongodb+srv://") or "tls=true" in url or "ssl=true" in url
    connection = {
        "may_read": _roles(session),
        "tls": "on" if encrypted else "off",
        "connect_ms": connect_ms,
        "round_trip_ms": round_trip_ms(lambda: session.command("admin", {"hello": 1})),
        "source": session.profile.source,
    }
    return report(session.target(), connection, list(_needs(session)), session.now())


def _roles(session: Session) -> list[str] | None:
    try:
        info = session.command("admin", {"connectionStatus": 1})["authInfo"]
    except Unavailable:
        return None
    return [f"{role['role']}@{role['db']}" for role in info.get("authenticatedUserRoles", [])]


def _needs(session: Session) -> Iterator[Need]:
    database = session.database or "admin"
    profiler: Mapping[str, Any] = {"find": "system.profile", "limit": 1}
    running: Mapping[str, Any] = {
        "aggregate": 1,
        "pipeline": [{"$currentOp": {"allUsers": True}}, {"$limit": 1}],
        "cursor": {},
    }
    found = _refused(lambda: list(session.documents(database, profiler)))
    if found is not None:
        sampling = _refused(lambda: list(session.documents("admin", running)))
        possible = sampling is None
        instead = "; it can only sample what runs" if possible else ""
        yield Need("slow-queries", found.reason + instead, found.remedy, possible)
    else:
        yield Need("slow-queries")


def _refused(read: Callable[[], object]) -> Unavailable | None:
    try:
        read()
    except Unavailable as missing:
        return missing
    return None
