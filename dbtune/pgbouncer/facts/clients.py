"""Clients by application: how many use their connection, and how many never do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.pgbouncer.session import Session
from dbtune.pooling.load import OTHERS
from dbtune.pooling.pooler import CONSOLE, Application

MOST_CLIENTS = 2000
"""While the console writes its list, no client is served: 2,000 took 30 ms with the way here, once
in an observation."""
MOST_GROUPS = 200
UNUSED_SECONDS = 60
"""Clients that asked for nothing for so long count as not used."""


@fact("applications")
def applications(session: Session) -> tuple[Application, ...]:
    """``SHOW CLIENTS``, once, unless there are very many."""
    if (clients := connected(session)) > MOST_CLIENTS:
        raise Unavailable(
            f"PgBouncer has {clients:,} clients: it would serve none while it lists them"
        )
    return applications_of(session.show("CLIENTS"))


def connected(session: Session, kind: str = "used_clients") -> int:
    """How many clients, or ``used_servers``, there are."""
    return sum(int(row["items"]) for row in session.show("LISTS") if row["list"] == kind)


def applications_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Application, ...]:
    """From the rows of ``SHOW CLIENTS``, whichever columns this version has; most clients first."""
    rows = tuple(rows)
    # PgBouncer's clock: our own request is among them.
    now = max((_seconds(row["request_time"]) for row in rows), default=0.0)
    groups: defaultdict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["database"] == CONSOLE:
            continue
        key = row["database"] or "", row["user"] or "", row.get("application_name") or ""
        if key not in groups and len(groups) >= MOST_GROUPS:
            key = OTHERS, OTHERS, OTHERS
        groups[key].append(row)
    found = (_application(*key, group, now) for key, group in groups.items())
    return tuple(sorted(found, key=lambda one: (-one.clients, one.who)))


def _application(
    database: str, user: str, name: str, rows: list[Mapping[str, Any]], now: float
) -> Application:
    waiting = sum(row["state"] == "waiting" for row in rows)
    linked = sum(bool(row["link"]) for row in rows)
    idle = [
        now - _seconds(row["request_time"])
        for row in rows
        if row["state"] != "waiting" and not row["link"]
    ]
    prepared = [n for row in rows if (n := row.get("prepared_statements")) is not None]
    return Application(
        database,
        user,
        name,
        clients=len(rows),
        served=linked,
        waiting=waiting,
        unused=sum(seconds >= UNUSED_SECONDS for seconds in idle),
        longest_idle_seconds=max(idle, default=0.0),
        most_prepared=max(prepared, default=None),
    )


def _seconds(stamp: str) -> float:
    """``2026-11-29 09:52:30 UTC``: differences are all that counts."""
    return datetime.fromisoformat(stamp[:19]).timestamp()
