"""What dbtune's commands can read on a Redis server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from dbtune.bloat import Selection
from dbtune.errors import Unavailable
from dbtune.readiness import Need, report, round_trip_ms
from dbtune.redis.memory.collect import read_keys
from dbtune.redis.session import Session
from dbtune.report import Report


def examine(session: Session, connect_ms: float) -> Report:
    """What the server is, who we are there, and what that is enough for.

    Raises:
        TargetError: the connection broke.
    """
    url = session.profile.url.reveal().lower()
    now = datetime.now(UTC)
    uptime = session.info.get("uptime_in_seconds", "")
    connection = {
        "tls": "on" if url.startswith(("rediss://", "valkeys://")) else "off",
        "connect_ms": connect_ms,
        "round_trip_ms": _round_trip_ms(session),
        "started_at": now - timedelta(seconds=int(uptime)) if uptime.isdigit() else None,
        "source": session.profile.source,
    }
    return report(session.target(), connection, list(_needs(session)), now)


def _round_trip_ms(session: Session) -> float | None:
    try:
        return round_trip_ms(lambda: session.command("SLOWLOG", "GET", 0))
    except Unavailable:
        return None


def _needs(session: Session) -> Iterator[Need]:
    settings = _refused(lambda: session.config("maxmemory"))
    clients = _refused(lambda: session.command("CLIENT", "LIST"))
    slowlog = _refused(lambda: session.command("SLOWLOG", "GET", 1))
    thresholds = _refused(lambda: session.config("slowlog-*"))
    keys = _refused(lambda: read_keys(session, Selection(limit=1, budget_seconds=0.0)))
    yield _need("check", settings or clients)  # INFO is left
    yield _need("activity", clients, possible=False)
    yield _need("slow-queries", slowlog or thresholds, possible=slowlog is None)
    yield _need("bloat", keys)
    yield _need("cache", keys)
    yield _need("gen-config", settings, possible=False)
    yield _need("snapshot", settings)


def _need(command: str, found: Unavailable | None, *, possible: bool = True) -> Need:
    return Need(command) if found is None else Need(command, found.reason, found.remedy, possible)


def _refused(read: Callable[[], object]) -> Unavailable | None:
    try:
        read()
    except Unavailable as missing:
        return missing
    return None
