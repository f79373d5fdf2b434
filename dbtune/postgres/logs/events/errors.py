"""Errors: ERROR, FATAL, PANIC and WARNING, by what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import Sum, add, merge, trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Row, Table
from dbtune.text import shorten

_MOST = 1000
_LEVELS = ("PANIC", "FATAL", "ERROR", "WARNING")
_NAMED = (
    r"(?:relation|table|column|constraint|index|view|sequence|function|operator|schema|database"
    r"|role|user|type|extension|tablespace|trigger|policy|publication|subscription|parameter"
    r'|savepoint|language|in relation) "(?:[^"]|"")*"'
)
_POSITION = re.compile(r" at character \d+$")
"""Which stderr adds to a message, where the other formats have a field."""
_CONSTANT = re.compile(rf"""({_NAMED})|"(?:[^"]|"")*"|'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b""")

ERRORS = Table(
    "errors",
    "Errors",
    (
        Column("level", "level", "text", "PANIC, FATAL, ERROR or WARNING."),
        Column("sqlstate", "SQLSTATE", "text", "Error code; null if the log does not tell.", 2),
        Column("count", "count", "int", "How often."),
        Column("last_at", "last", "time", "When last.", 3),
        Column("users", "user", "list", "Whose sessions.", 4),
        Column("databases", "database", "list", "In which databases.", 4),
        Column("message", "message", "text", "The message; other constants than names masked."),
        Column("statement", "statement", "sql", "A statement that failed so.", 1),
    ),
)


@dataclass(slots=True)
class ErrorClass:
    """Errors that say the same."""

    level: str = ""
    state: str = ""
    message: str = ""
    count: int = 0
    last: str = ""
    statement: str = ""
    users: dict[str, Sum] = field(default_factory=dict)
    databases: dict[str, Sum] = field(default_factory=dict)

    def merge(self, other: ErrorClass) -> None:
        """Add those of another part of the log."""
        self.count += other.count
        self.last = max(self.last, other.last)
        self.statement = self.statement or other.statement
        merge(self.users, other.users)
        merge(self.databases, other.databases)


@dataclass(slots=True)
class Errors:
    """Errors by level, SQLSTATE and message.

    Attributes:
        left_out: of more classes than are kept, the rarest.
    """

    classes: dict[str, ErrorClass] = field(default_factory=dict)
    left_out: int = 0

    def take(self, record: Record, statements: Statements) -> bool:
        """Count an error."""
        if record.level not in _LEVELS:
            return False
        message = shorten(generic(record.message), 500)
        key = f"{record.level}\x1f{record.state}\x1f{message}"
        one = self.classes.get(key)
        if one is None:
            one = self.classes[key] = ErrorClass(record.level, record.state, message)
            if len(self.classes) > 2 * _MOST:
                self.left_out += trim(self.classes, _MOST, _count)
        one.count += 1
        one.last = max(one.last, record.stamp)
        if record.who.user:
            add(one.users, record.who.user, 1, 0.0, 0.0)
        if record.who.database:
            add(one.databases, record.who.database, 1, 0.0, 0.0)
        if record.statement and record.level != "WARNING":
            logged = statements.logged(record.statement)
            logged.errors += 1
            one.statement = one.statement or logged.text
        return True

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """The most frequent ones, the gravest first."""
        ranked = sorted(
            self.classes.values(),
            key=lambda one: (_LEVELS.index(one.level), -one.count, one.message),
        )
        yield replace(ERRORS, rows=tuple(_row(one) for one in ranked[:limit]))


def _count(one: ErrorClass) -> int:
    return one.count


def _row(one: ErrorClass) -> Row:
    return {
        "level": one.level,
        "sqlstate": one.state or None,
        "count": one.count,
        "last_at": moment(one.last),
        "users": tuple(sorted(one.users)),
        "databases": tuple(sorted(one.databases)),
        "message": one.message,
        "statement": one.statement or None,
    }


def generic(message: str) -> str:
    """A message without its constants; names of tables, columns and the like stay."""
    return _CONSTANT.sub(
        lambda found: found[1] or "?", _POSITION.sub("", message.partition("\n")[0])
    )
