"""What dbtune's commands can read on a MongoDB server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dbtune.errors import Unavailable
from dbtune.mongo.session import INTERNAL, Session
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
        "may_read": _may_read(session),
        "tls": "on" if encrypted else "off",
        "connect_ms": connect_ms,
        "round_trip_ms": round_trip_ms(lambda: session.command("admin", {"hello": 1})),
        "source": session.profile.source,
    }
    return report(session.target(), connection, list(_needs(session)), session.now())


def _may_read(session: Session) -> list[str] | None:
    try:
        info = session.command("admin", {"connectionStatus": 1})["authInfo"]
    except Unavailable:
        return None
    if not info.get("authenticatedUsers"):  # else the session would have wanted a login
        return ["everything (access control is off)"]
    roles = [f"{role['role']}@{role['db']}" for role in info.get("authenticatedUserRoles", [])]
    return roles or ["nothing: the user has no role"]


def _needs(session: Session) -> Iterator[Need]:
    state = _refused(lambda: session.command("admin", {"serverStatus": 1}))
    options = _refused(lambda: session.command("admin", {"getCmdLineOpts": 1}))
    running: Mapping[str, Any] = {
        "aggregate": 1,
        "pipeline": [{"$currentOp": {"allUsers": True}}, {"$limit": 1}],
        "cursor": {},
    }
    sessions = _refused(lambda: list(session.documents("admin", running)))
    documents = _refused(lambda: _read_one(session))
    yield _need("check", state)
    yield _need("activity", sessions, possible=False)
    yield _slow_queries(session, sessions)
    yield _need("explain", documents)
    yield _need("suggest-indexes", documents)
    yield _need("bloat", documents)
    yield _need("pool-size", state, possible=False)
    yield _need("gen-config", options or state)
    yield _need("snapshot", state)


def _need(command: str, found: Unavailable | None, *, possible: bool = True) -> Need:
    return Need(command) if found is None else Need(command, found.reason, found.remedy, possible)


def _slow_queries(session: Session, sessions: Unavailable | None) -> Need:
    profiler: Mapping[str, Any] = {"find": "system.profile", "limit": 1}
    found = _refused(lambda: list(session.documents(session.database or "admin", profiler)))
    if found is None:
        return Need("slow-queries")
    possible = sessions is None
    instead = "; it can only sample what runs" if possible else ""
    return Need("slow-queries", found.reason + instead, found.remedy, possible)


def _read_one(session: Session) -> None:
    """The id of one document of the session's database, or of the first that there is."""
    if (missing := session.blind()) is not None:
        raise missing
    names = [one for one in session.database_names() if one not in INTERNAL]
    for name in [session.database] if session.database else names[:1]:
        listed = {"listCollections": 1, "filter": {"type": "collection"}, "nameOnly": True}
        for one in session.documents(name, listed):
            if not str(one["name"]).startswith("system."):
                asked = {"find": str(one["name"]), "projection": {"_id": 1}, "limit": 1}
                list(session.documents(name, asked))
                return


def _refused(read: Callable[[], object]) -> Unavailable | None:
    try:
        read()
    except Unavailable as missing:
        return missing
    return None
