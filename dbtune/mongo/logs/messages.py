"""What else the server said: errors and warnings first, then the most frequent entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbtune.logs.clock import moment
from dbtune.logs.tally import trim
from dbtune.mongo.logs.entries import Event
from dbtune.report import Column, Table
from dbtune.text import shorten

_MOST = 2000
_LEVELS = {"F": "fatal", "E": "error", "W": "warning", "I": "information", "D": "debug"}

MESSAGES = Table(
    "messages",
    "Messages",
    (
        Column("level", "level", "text", "fatal, error, warning, information or debug."),
        Column("component", "component", "text", "Which part of the server.", 1),
        Column("count", "count", "int", "How often."),
        Column("first_at", "first", "time", "When first.", 3),
        Column("last_at", "last", "time", "When last.", 1),
        Column("id", "id", "id", "Number of the entry, the same in every version.", 2),
        Column("code", "code", "text", "Name of the error, where it has one."),
        Column("message", "message", "text", "What the server says; its values are left out."),
    ),
)


@dataclass(slots=True)
class Said:
    """Entries that say the same."""

    level: str = ""
    component: str = ""
    number: int = 0
    code: str = ""
    message: str = ""
    count: int = 0
    first: str = ""
    last: str = ""

    def merge(self, other: Said) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class Messages:
    """Entries by what they say.

    Attributes:
        left_out: of more than are kept, the rarest.
    """

    classes: dict[str, Said] = field(default_factory=dict)
    left_out: int = 0

    def take(self, event: Event) -> None:
        """Count an entry."""
        stamp, level = event.stamp, _LEVELS.get(event.level, "information")
        code = _code(event.attr) if level in ("fatal", "error", "warning") else ""
        key = f"{level}\x1f{event.number}\x1f{code}\x1f{event.message}"
        one = self.classes.get(key)
        if one is None:
            if len(self.classes) > 2 * _MOST:
                self.left_out += trim(self.classes, _MOST, lambda said: said.count)
            one = self.classes[key] = Said(
                level, event.component, event.number, code, event.message, 0, stamp
            )
        one.count += 1
        one.first = min(one.first, stamp)
        one.last = max(one.last, stamp)

    def count(self, *levels: str) -> int:
        """How many entries of some levels."""
        return sum(one.count for one in self.classes.values() if one.level in levels)

    def tables(self, limit: int) -> Iterator[Table]:
        """The gravest first, then the most frequent."""
        levels = list(_LEVELS.values())
        ranked = sorted(
            self.classes.values(),
            key=lambda one: (levels.index(one.level), -one.count, one.number, one.message),
        )
        rows = tuple(
            {
                "level": one.level,
                "component": one.component,
                "count": one.count,
                "first_at": moment(one.first),
                "last_at": moment(one.last),
                "id": one.number,
                "code": one.code or None,
                "message": one.message,
            }
            for one in ranked[:limit]
        )
        yield replace(MESSAGES, rows=rows)


def _code(attr: Mapping[str, Any]) -> str:
    """The name of an error: ``error: {codeName: ...}``, or ``errName``."""
    for name in ("error", "err", "status", "reason"):
        inner = attr.get(name)
        if isinstance(inner, Mapping) and isinstance(inner.get("codeName"), str):
            return shorten(inner["codeName"], 60)
    named = attr.get("errName") or attr.get("codeName")
    return shorten(named, 60) if isinstance(named, str) else ""
