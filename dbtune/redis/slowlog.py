"""SLOWLOG: read within bounds, and added up by command and key pattern."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbtune.redis import CLIENT_NAME
from dbtune.redis.patterns import command_name, command_pattern, hidden_arguments, hidden_bytes
from dbtune.statements import Statement

if TYPE_CHECKING:
    from dbtune.redis.session import Session

MAX_ENTRIES = 5_000
"""Most entries that are read, the newest: some 4 kB each at worst."""

_MAX_SIBLINGS = 8
# Commands that a script calls are logged, too, for a client without an address.
_NO_CLIENT = "?:0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One slow command.

    Attributes:
        number: its running number since the server started.
        at: when it was run.
        ms: execution time; waiting for the network or for other commands is not in it.
        words: command and arguments, as far as SLOWLOG keeps them.
        client: the connection's name, or its address without a name.
        nested: a script called it, so that its time is in the script's, too.
    """

    number: int
    at: datetime
    ms: float
    words: tuple[str, ...]
    client: str = ""
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Slowlog:
    """SLOWLOG as it was read.

    Attributes:
        entries: newest first, without dbtune's own.
        read: how many were read, dbtune's own included.
        newest: number of the newest entry; -1 if there is none.
        threshold_us: slower-than setting in microseconds; negative is off; ``None`` if unknown.
        max_entries: how many the server keeps; ``None`` if unknown.
        at: when it was read.
    """

    entries: tuple[Entry, ...]
    read: int
    newest: int
    threshold_us: int | None
    max_entries: int | None
    at: datetime

    @property
    def is_full(self) -> bool:
        """Whether each new entry drives out an old one."""
        return self.max_entries is not None and 0 < self.max_entries <= self.read

    @property
    def lost(self) -> int:
        """Entries since the server's start that are gone, driven out or reset."""
        return max(0, self.newest + 1 - self.read)

    @property
    def since(self) -> datetime | None:
        """Time of the oldest entry."""
        return min((one.at for one in self.entries), default=None)


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """All entries of one pattern: a row of the table, and what checks ask beyond it.

    Attributes:
        name: the command, with its subcommand.
        statement: calls and times.
        clients: connections that ran it (names, or addresses), most frequent first.
        whole_reads: entries that asked for the whole of a list or sorted set (``0 -1``).
        max_argument_bytes: most bytes of arguments that one carried beyond what SLOWLOG keeps.
        max_arguments: most arguments that one had.
    """

    name: str
    statement: Statement
    clients: tuple[str, ...] = ()
    whole_reads: int = 0
    max_argument_bytes: int = 0
    max_arguments: int = 0


def read_slowlog(session: Session, settings: Mapping[str, str]) -> Slowlog:
    """Read the newest entries.

    Args:
        session: an open session.
        settings: ``slowlog-*``, as CONFIG GET tells them; empty if it is forbidden.

    Raises:
        Unavailable: this user may not, or this server has no SLOWLOG.
        TargetError: the connection broke.
    """
    reply = session.command("SLOWLOG", "GET", MAX_ENTRIES)
    rows = reply if isinstance(reply, list) else []
    entries = [one for row in rows if (one := entry_of(row)) is not None]
    return Slowlog(
        tuple(one for one in entries if one.client != CLIENT_NAME),
        len(entries),
        max((one.number for one in entries), default=-1),
        _number(settings.get("slowlog-log-slower-than")),
        _number(settings.get("slowlog-max-len")),
        datetime.now(UTC),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,18}", text) else None


def entry_of(row: object) -> Entry | None:
    """An entry from one element of SLOWLOG GET's reply; ``None`` if it is malformed."""
    if not isinstance(row, list) or len(row) < 4 or not isinstance(row[3], list):
        return None
    number, seconds, us = row[:3]
    if not all(isinstance(one, int) and 0 <= one < 2**53 for one in (number, seconds, us)):
        return None
    address = str(row[4]) if len(row) > 4 else ""
    name = str(row[5]) if len(row) > 5 else ""
    return Entry(
        number,
        datetime.fromtimestamp(min(seconds, 2**32), UTC),
        us / 1000,
        tuple(str(word) for word in row[3]),
        name or address.rpartition(":")[0],
        address == _NO_CLIENT,
    )


def after(slowlog: Slowlog, number: int) -> tuple[Slowlog, int]:
    """Only what came after an entry, and how many came but are gone again.

    When the newest number is smaller than that entry's, the server was restarted: then all came
    after it.
    """
    if slowlog.newest < number:
        number = -1
    entries = tuple(one for one in slowlog.entries if one.number > number)
    oldest_read = slowlog.newest + 1 - slowlog.read
    lost = max(0, oldest_read - (number + 1))
    return replace(slowlog, entries=entries), lost


def slow_commands(entries: Iterable[Entry]) -> list[SlowCommand]:
    """Entries added up by command and key pattern; those inside scripts apart."""
    groups: dict[tuple[str, bool], list[Entry]] = {}
    for one in entries:
        groups.setdefault((command_pattern(one.words), one.nested), []).append(one)
    folded = _parents({text for text, _ in groups})
    merged: dict[tuple[str, bool], list[Entry]] = {}
    for (text, nested), members in groups.items():
        merged.setdefault((folded.get(text, text), nested), []).extend(members)
    return [_command(text, members) for (text, _), members in merged.items()]


def _parents(texts: Iterable[str]) -> dict[str, str]:
    """Patterns that differ in their last word only, as in user:ann, user:bob: that word is data."""
    siblings: dict[str, list[str]] = {}
    for text in texts:
        if text.isupper():  # a command without a key
            continue
        parent = re.sub(r"(?<=[ :/.|])[^ :/.|…]+$", "*", text)
        siblings.setdefault(parent, []).append(text)
    return {
        text: parent
        for parent, children in siblings.items()
        if len(children) > _MAX_SIBLINGS
        for text in children
    }


def _command(text: str, entries: Sequence[Entry]) -> SlowCommand:
    calls = len(entries)
    total = sum(one.ms for one in entries)
    squares = sum((one.ms - total / calls) ** 2 for one in entries)
    clients = Counter(one.client for one in entries if one.client and not one.nested)
    statement = Statement(
        text=text,
        calls=calls,
        total_ms=total,
        mean_ms=total / calls,
        stddev_ms=math.sqrt(squares / calls),
        min_ms=min(one.ms for one in entries),
        max_ms=max(one.ms for one in entries),
        nested=entries[0].nested,
    )
    return SlowCommand(
        command_name(entries[0].words),
        statement,
        tuple(name for name, _ in clients.most_common(5)),
        sum(_is_whole(one.words) for one in entries),
        max(hidden_bytes(one.words) for one in entries),
        max(len(one.words) - 1 + hidden_arguments(one.words) for one in entries),
    )


def _is_whole(words: Sequence[str]) -> bool:
    """Whether a range command asked for everything."""
    name = command_name(words)
    if name in ("LRANGE", "ZRANGE", "ZREVRANGE", "GETRANGE"):
        return tuple(words[2:4]) == ("0", "-1")
    if name in ("ZRANGEBYSCORE", "ZREVRANGEBYSCORE"):
        return {word.lower() for word in words[2:4]} == {"-inf", "+inf"} and "LIMIT" not in words
    return name in ("XRANGE", "XREVRANGE") and set(words[2:4]) == {"-", "+"} and len(words) == 4
