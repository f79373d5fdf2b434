"""Connections: how many were opened and closed, from where, by which application and driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbtune.logs.tables import CONNECTIONS, CONNECTIONS_BY
from dbtune.logs.tally import Sum, add
from dbtune.mongo.logs.entries import Event
from dbtune.report import Row, Table
from dbtune.text import shorten

_ACCEPTED, _ENDED, _METADATA = 22943, 22944, 51800
_AUTHENTICATED = frozenset((20250, 5286306))
_FAILED = frozenset((20249, 5286307))
_MOST_HOURS = 10_000
_BY = {"hosts": "host", "applications": "application", "drivers": "driver"}


@dataclass(slots=True)
class Connections:
    """Connections of clients, and of other members.

    Attributes:
        received, ended: how many were opened and closed.
        most: most that were open at once.
        authenticated, refused: logins (one connection may have several).
        hours: connections opened by hour.
        hosts: connections opened by where from.
        applications, drivers: of those that told it.
    """

    received: int = 0
    ended: int = 0
    most: Sum = field(default_factory=Sum)
    authenticated: int = 0
    refused: int = 0
    hours: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, Sum] = field(default_factory=dict)
    applications: dict[str, Sum] = field(default_factory=dict)
    drivers: dict[str, Sum] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Count an entry, if it is of a connection."""
        number, attr = event.number, event.attr
        if number == _ACCEPTED:
            self.received += 1
            hour = event.stamp[:13]
            if hour in self.hours or len(self.hours) < _MOST_HOURS:
                self.hours[hour] = self.hours.get(hour, 0) + 1
            self._open(attr)
            add(self.hosts, _host(attr.get("remote")), 1, 0.0, 0.0)
        elif number == _ENDED:
            self.ended += 1
            self._open(attr)
        elif number == _METADATA:
            self._metadata(attr.get("doc"))
        elif number in _FAILED:
            self.refused += 1
        elif number in _AUTHENTICATED:
            self.authenticated += 1

    def _open(self, attr: Mapping[str, Any]) -> None:
        count = attr.get("connectionCount")
        if type(count) is int and 0 <= count < 10**9:
            self.most.largest = max(self.most.largest, count)

    def _metadata(self, told: object) -> None:
        if not isinstance(told, Mapping):
            return
        application, driver = told.get("application"), told.get("driver")
        name = application.get("name") if isinstance(application, Mapping) else None
        add(self.applications, shorten(str(name or ""), 128), 1, 0.0, 0.0)
        if isinstance(driver, Mapping):
            text = f"{driver.get('name', '')} {driver.get('version', '')}"
            # Drivers that wrap another join the names by |.
            add(self.drivers, shorten(text.replace("|", " ").strip(), 128), 1, 0.0, 0.0)

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """A record, and counts by whose they were; nothing if none was logged."""
        if not (self.received or self.ended):
            return
        busiest = max(self.hours.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        row: Row = dict.fromkeys(column.name for column in CONNECTIONS.columns) | {
            "received": self.received,
            "authorized": self.authenticated or None,
            "refused": self.refused,
            "ended": self.ended,
            "received_per_second": self.received / seconds if seconds else None,
            "most_open_connections": round(self.most.largest) or None,
            "busiest_hour": busiest[0].replace("T", " ") or None,
            "busiest_hour_count": busiest[1] or None,
        }
        yield replace(CONNECTIONS, rows=(row,))
        yield replace(CONNECTIONS_BY, rows=tuple(self._by(limit)))

    def _by(self, limit: int) -> Iterator[Row]:
        for attribute, by in _BY.items():
            names: dict[str, Sum] = getattr(self, attribute)
            ranked = sorted(names.items(), key=lambda item: (-item[1].count, item[0]))
            for name, one in ranked[:limit]:
                if name or len(names) > 1:
                    shown = name or "(not told)"
                    yield {"by": by, "name": shown, "count": one.count, "session_seconds": None}


def _host(remote: object) -> str:
    return shorten(remote.rpartition(":")[0], 100) if isinstance(remote, str) else ""
