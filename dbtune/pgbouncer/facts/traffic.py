"""Traffic: transactions of each database, their time, and what of it was waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import counters
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import CONSOLE, Traffic

_COUNTED = ("transactions", "queries", "transaction_ms", "wait_ms", "logins")


def between(first: tuple[Traffic, ...], second: tuple[Traffic, ...]) -> tuple[Traffic, ...]:
    """What went through between two readings; a counter that fell began anew."""
    before = {one.database: one for one in first}
    start = min((one.at for one in first), default=None)
    return tuple(_difference(before.get(one.database), one, start) for one in second)


def _difference(old: Traffic | None, new: Traffic, start: datetime | None) -> Traffic:
    since = old.at if old is not None else start
    seconds = None if since is None else max((new.at - since).total_seconds(), 1e-3)
    if old is None or new.transactions < old.transactions:
        return replace(new, seconds=seconds)
    grown: dict[str, Any] = {
        name: None
        if getattr(new, name) is None
        else max(0.0, getattr(new, name) - (getattr(old, name) or 0))
        for name in _COUNTED
    }
    return replace(new, **grown, seconds=seconds)


@counters("traffic", between)
def traffic(session: Session) -> tuple[Traffic, ...]:
    """``SHOW STATS``: totals since PgBouncer started, and means of its last period."""
    return traffic_of(session.show("STATS"), datetime.now(UTC))


def traffic_of(rows: Iterable[Mapping[str, Any]], at: datetime) -> tuple[Traffic, ...]:
    """From the rows of ``SHOW STATS``, whichever columns this version has; times are in µs."""
    rows = tuple(rows)
    if any("total_xact_count" not in row for row in rows):
        raise Unavailable("PgBouncer counts transactions since 1.8; this one is older")
    return tuple(
        Traffic(
            row["database"],
            at,
            transactions=float(row["total_xact_count"]),
            queries=float(row["total_query_count"]),
            transaction_ms=row["total_xact_time"] / 1000,
            wait_ms=row["total_wait_time"] / 1000,
            logins=float(row["total_client_login_count"])
            if row.get("total_client_login_count") is not None
            else None,
            recent_per_second=float(row["avg_xact_count"]),
        )
        for row in rows
        if row["database"] != CONSOLE
    )
