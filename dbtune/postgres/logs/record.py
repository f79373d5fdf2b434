"""What the formats of a server's log have in common: records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Raw = tuple[bytes, ...]
"""A record as a format's pattern found it, :data:`FIELDS` in their order, each maybe empty."""

FIELDS = (
    *("hour", "rest"),  # the time up to the hour, and what follows
    *("who0", "pid", "who1"),  # process; the others tell user, database, application and host
    *("level", "state"),
    *("duration", "kind", "message"),  # of a message about a duration, what follows its words
    *("tail", "who2"),  # what else the record has; who it is goes on
    "junk",  # a line that is no record; then all others are empty
)
"""In the order in which csvlog and jsonlog have them, so that no tuple has to be made anew."""


class Who(NamedTuple):
    """Whose session it was; "" for what the log does not tell."""

    user: str = ""
    database: str = ""
    application: str = ""
    host: str = ""


@dataclass(slots=True)
class Record:
    """A message of the server, with all that it says about it.

    Attributes:
        stamp: when, as the log writes it.
        state: SQLSTATE, or "".
        statement: the statement during which it was reported, or "".
    """

    stamp: str
    pid: str
    who: Who
    level: str
    state: str
    message: str
    detail: str = ""
    hint: str = ""
    context: str = ""
    statement: str = ""


class Format(Protocol):
    """How records stand in a log.

    Attributes:
        name: for people.
        prefix: log_line_prefix, or "".
        escape: bytes that occur in a message only if it has to be cleaned.
        epoch: times are seconds since 1970.
    """

    name: str
    prefix: str
    escape: bytes
    epoch: bool

    def records(self, text: bytes) -> Iterable[Raw]:
        """The records of whole lines."""

    def cut(self, text: bytes) -> int:
        """Where the last record starts, which may go on in what follows; 0 if none is whole."""

    def start(self, text: bytes) -> int:
        """Where the first record starts that belongs to no other; -1 if none does."""

    def clean(self, message: bytes) -> bytes:
        """A message without what the format has put into it."""

    def who(self, parts: tuple[bytes, bytes, bytes]) -> Who:
        """What the parts of a record say about its session."""

    def extras(self, tail: bytes) -> Mapping[str, str]:
        """Detail, hint, context and statement, as far as a record has them itself."""
