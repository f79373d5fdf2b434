"""INFO: what the server says of itself, and what changed while it was watched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtune.facts import counters
from dbtune.redis.session import Session


@dataclass(frozen=True, slots=True)
class Info:
    """INFO's fields.

    Attributes:
        fields: as the server writes them.
        at: seconds since 1970 by the clock of the machine that asked, for differences.
        seconds: how long was watched; since the server started if nothing was.
        before: numbers of the first of two readings; empty if there was one.
    """

    fields: Mapping[str, str]
    at: float
    before: Mapping[str, float] = field(default_factory=dict)
    watched_seconds: float | None = None

    def text(self, name: str) -> str:
        """A field, or ""."""
        return self.fields.get(name, "")

    def number(self, name: str, default: float = 0.0) -> float:
        """A field's number."""
        try:
            return float(self.fields[name])
        except (KeyError, ValueError):
            return default

    @property
    def seconds(self) -> float:
        """How long counters counted: while they were watched, or since the server started."""
        return self.watched_seconds or max(self.number("uptime_in_seconds"), 1.0)

    def grown(self, name: str) -> float:
        """How much a counter grew meanwhile; one that went down was reset, and counts from zero."""
        now = self.number(name)
        return now - self.before.get(name, 0.0) if now >= self.before.get(name, 0.0) else now

    @property
    def keys(self) -> tuple[int, int]:
        """Keys of all databases, and how many of them have a TTL."""
        total = expiring = 0
        for name, value in self.fields.items():
            if name.startswith("db") and name[2:].isdigit():
                parts = dict(part.partition("=")[::2] for part in value.split(","))
                total += int(parts.get("keys") or 0)
                expiring += int(parts.get("expires") or 0)
        return total, expiring

    @property
    def databases(self) -> int:
        """How many numbered databases have keys."""
        return sum(name.startswith("db") and name[2:].isdigit() for name in self.fields)


def _between(first: Info, second: Info) -> Info:
    numbers = {}
    for name, value in first.fields.items():
        try:
            numbers[name] = float(value)
        except ValueError:
            continue
    return Info(second.fields, second.at, numbers, max(second.at - first.at, 1e-3))


@counters("info", _between)
def info(session: Session) -> Info:
    """Least privilege: +info."""
    return Info(session.read_info("everything"), time.time())
