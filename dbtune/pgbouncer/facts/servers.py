"""Connections to servers: how old they are, who has them, and whether they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import counters
from dbtune.pgbouncer.facts.clients import MOST_CLIENTS, connected
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import CONSOLE, Lent, Servers

MOST_LENT = 100


def between(first: Servers, second: Servers) -> Servers:
    """The second look, and how many connections of the first are still there."""
    seconds = (second.at - first.at).total_seconds()
    kept = sum(age >= seconds for age in second.ages_seconds)
    return replace(second, before=len(first.ages_seconds), kept=kept, seconds=seconds)


@counters("servers", between)
def servers(session: Session) -> Servers:
    """``SHOW SERVERS``, and of ``SHOW CLIENTS`` who has them, unless there are very many."""
    most = max(connected(session), connected(session, "used_servers"))
    if most > MOST_CLIENTS:
        raise Unavailable(f"PgBouncer has {most:,} connections: it would serve none meanwhile")
    return servers_of(session.show("SERVERS"), session.show("CLIENTS"))


def servers_of(rows: Iterable[Mapping[str, Any]], clients: Iterable[Mapping[str, Any]]) -> Servers:
    """From the rows of both, whichever columns this version has."""
    who = {row["ptr"]: row for row in clients}
    # PgBouncer's clock, in whole seconds of its zone: our own request is among the clients'.
    now = max(_time(row["request_time"]) for row in who.values())
    mine = [row for row in rows if row["database"] != CONSOLE]
    lent = [_lent(row, who.get(row["link"], {}), now) for row in mine if row["link"]]
    lent.sort(key=lambda one: (not one.closing, -one.silent_seconds, one.pid))
    ages = sorted((now - _time(row["connect_time"])).total_seconds() for row in mine)
    return Servers(now, tuple(ages), tuple(lent[:MOST_LENT]))


def _lent(row: Mapping[str, Any], client: Mapping[str, Any], now: datetime) -> Lent:
    return Lent(
        row["database"] or "",
        row["user"] or "",
        row.get("remote_pid") or 0,
        client.get("application_name") or row.get("application_name") or "",
        f"{client['addr']}:{client['port']}" if client else "",
        connected_seconds=(now - _time(row["connect_time"])).total_seconds(),
        silent_seconds=max(0.0, (now - _time(row["request_time"])).total_seconds()),
        closing=bool(row.get("close_needed")),
    )


def _time(stamp: str) -> datetime:
    """``2026-11-29 09:52:30 UTC``: the zone may be any, is taken for UTC; differences count."""
    return datetime.fromisoformat(stamp[:19]).replace(tzinfo=UTC)
