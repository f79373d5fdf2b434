"""What dbtune's commands can read on a PgBouncer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from dbtune.errors import Unavailable
from dbtune.pgbouncer.session import Session
from dbtune.readiness import Need, report, round_trip_ms
from dbtune.report import Report


def examine(session: Session, connect_ms: float) -> Report:
    """What PgBouncer it is, who we are there, and what that is enough for.

    Raises:
        TargetError: the connection broke.
    """
    connection = {
        "tls": "on" if session.tls else "off",
        "connect_ms": connect_ms,
        "round_trip_ms": round_trip_ms(lambda: session.show("VERSION")),
        "source": session.profile.source,
    }
    return report(session.target(), connection, list(_needs(session)), datetime.now(UTC))


def _needs(session: Session) -> Iterator[Need]:
    for command, what in (("check", "CONFIG"), ("pool-size", "STATS"), ("snapshot", "STATS")):
        try:
            session.show(what)
        except Unavailable as missing:
            yield Need(command, missing.reason, missing.remedy, possible=False)
        else:
            yield Need(command)
