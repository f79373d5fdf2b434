"""What dbtune's commands can read on a Redis server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


_PROBES: Mapping[str, tuple[tuple[str | int, ...], ...]] = {
    "check": (("CONFIG", "GET", "maxmemory"), ("CLIENT", "LIST")),
    "activity": (("CLIENT", "LIST"),),
    "slow-queries": (("SLOWLOG", "GET", 1), ("CONFIG", "GET", "slowlog-*")),
    "bloat": (("SCAN", 0, "COUNT", 1), ("MEMORY", "USAGE", "dbtune")),
    "cache": (("SCAN", 0, "COUNT", 1), ("MEMORY", "USAGE", "dbtune")),
    "gen-config": (("CONFIG", "GET", "maxmemory"),),
    "snapshot": (("CONFIG", "GET", "maxmemory"),),
}
"""What each command sends; without the first of these it can't do anything."""
_POSSIBLE_WITHOUT = {"check", "bloat", "cache", "snapshot"}  # INFO is left


def _needs(session: Session) -> Iterator[Need]:
    for command, probes in _PROBES.items():
        for number, probe in enumerate(probes):
            try:
                session.command(*probe)
            except Unavailable as missing:
                possible = number > 0 or command in _POSSIBLE_WITHOUT
                yield Need(command, missing.reason, missing.remedy, possible)
                break
        else:
            yield Need(command)
