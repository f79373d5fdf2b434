"""Connections (log_connections, log_disconnections): how many, whose, and how long they lasted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.tables import CONNECTIONS, CONNECTIONS_BY
from dbtune.logs.tally import Sum, add, buckets, quantile
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Table

_AUTHORIZED = re.compile(
    r"(?:replication )?connection authorized: user=(?P<user>.*?)"
    r"(?: database=(?P<database>.*?))?"
    r"(?: application_name=(?P<application>.*?))?(?: SSL enabled.*)?$"
)
_RECEIVED = re.compile(r"connection received: host=(?P<host>\S*)")
_ENDED = re.compile(
    r"disconnection: session time: (?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+\.\d+)"
    r" user=(?P<user>.*?) database=(?P<database>.*?) host=(?P<host>\S*)"
)


@dataclass(slots=True)
class Connections:
    """Connections and sessions.

    Attributes:
        hours: connections received by hour.
        sessions: length of ended sessions in seconds; ``lengths`` are its buckets (ms).
    """

    received: int = 0
    authorized: int = 0
    hours: dict[str, int] = field(default_factory=dict)
    sessions: Sum = field(default_factory=Sum)
    lengths: dict[int, int] = field(default_factory=dict)
    users: dict[str, Sum] = field(default_factory=dict)
    databases: dict[str, Sum] = field(default_factory=dict)
    applications: dict[str, Sum] = field(default_factory=dict)
    hosts: dict[str, Sum] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a connection or the end of a session."""
        message = record.message
        if not message.startswith(("connection ", "disconnection: ", "replication connection ")):
            return False
        if found := _RECEIVED.match(message):
            self.received += 1
            hour = record.stamp[:13]
            self.hours[hour] = self.hours.get(hour, 0) + 1
            add(self.hosts, found["host"], 1, 0.0, 0.0)
        elif found := _AUTHORIZED.match(message):
            self.authorized += 1
            for names, name in (
                (self.users, found["user"]),
                (self.databases, found["database"]),
                (self.applications, found["application"]),
            ):
                if name:
                    add(names, name, 1, 0.0, 0.0)
        elif found := _ENDED.match(message):
            seconds = int(found["hours"]) * 3600 + int(found["minutes"]) * 60
            self._ended(seconds + float(found["seconds"]), found)
        return True

    def _ended(self, seconds: float, found: re.Match[str]) -> None:
        self.sessions.add(seconds)
        [bucket] = buckets([max(seconds * 1000, 1e-3)])
        self.lengths[bucket] = self.lengths.get(bucket, 0) + 1
        for names, name in (
            (self.users, found["user"]),
            (self.databases, found["database"]),
            (self.hosts, found["host"]),
        ):
            add(names, name, 0, seconds, seconds)

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """A record, and counts by whose they were; nothing if none was logged."""
        if not (self.received or self.authorized or self.sessions.count):
            return
        busiest = max(self.hours.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        most = self.sessions.largest
        row = {
            "received": self.received,
            "authorized": self.authorized,
            "refused": None,
            "ended": self.sessions.count,
            "received_per_second": self.received / seconds if seconds else None,
            "mean_seconds": self.sessions.mean if self.sessions.count else None,
            "p50_seconds": quantile(self.lengths, 0.5, 0.0, most * 1000) / 1000
            if self.lengths
            else None,
            "max_seconds": most if self.sessions.count else None,
            "most_open_connections": None,
            "busiest_hour": busiest[0] or None,
            "busiest_hour_count": busiest[1] or None,
        }
        yield replace(CONNECTIONS, rows=(row,))
        rows = []
        for by in ("users", "databases", "applications", "hosts"):
            names: dict[str, Sum] = getattr(self, by)
            ranked = sorted(names.items(), key=lambda item: (-item[1].count, item[0]))
            rows += [
                {
                    "by": by.removesuffix("s"),
                    "name": name,
                    "count": one.count,
                    "session_seconds": one.total if by != "applications" else None,
                }
                for name, one in ranked[:limit]
            ]
        yield replace(CONNECTIONS_BY, rows=tuple(rows))
