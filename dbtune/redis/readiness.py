"""What dbtune's commands can read on a Redis server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dbtune.errors import Unavailable
from dbtune.readiness import Need, report, round_trip_ms
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
    try:
        session.command("SLOWLOG", "GET", 1)
        session.config("slowlog-*")
    except Unavailable as missing:
        possible = "CONFIG" in missing.reason
        yield Need("slow-queries", missing.reason, missing.remedy, possible)
    else:
        yield Need("slow-queries")
