"""What happened to the server: starts, shutdowns, elections, states of members, index builds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbtune.logs.clock import moment
from dbtune.mongo.logs.entries import Event
from dbtune.report import Column, Table
from dbtune.text import shorten

_MOST = 1000
"""Events that are kept, the newest."""
_KINDS = {
    4615611: "start",  # MongoDB starting
    23403: "start",  # Build Info
    22938: "start",  # mongos version
    23377: "shutdown",  # Received signal
    23138: "shutdown",  # Shutting down
    20565: "shutdown",  # Now exiting
    22271: "crash",  # Detected unclean shutdown: lock file is not empty
    21358: "state",  # Replica set state transition
    21215: "member",  # Member is in new state
    21450: "election",  # Election succeeded, assuming primary role
    21402: "election",  # Stepping down from primary in response to heartbeat
    21809: "election",  # Can't see a majority of the set, relinquishing primary
    21392: "configuration",  # New replica set config in use
    20384: "index build",  # Index build: starting
    20447: "index build",  # Index build: completed
    20663: "index build",  # Index build: completed successfully
}
"""By the number of the entry, which stays the same from version to version."""
_BEGINNINGS = (
    ("Starting an election", "election"),
    ("Attempting to step down", "election"),
    ("Rollback", "rollback"),
    ("Starting rollback", "rollback"),
    ("Initial sync", "initial sync"),
)

HAPPENED = Table(
    "history",
    "What happened to the server",
    (
        Column("at", "at", "time", "When."),
        Column(
            "kind",
            "kind",
            "text",
            "start, shutdown, crash, state, member, election, configuration, rollback, initial "
            "sync, index build.",
        ),
        Column("message", "what", "text", "What the server said, and of whom."),
    ),
)


@dataclass(slots=True)
class Happened:
    """Events in the order in which they were read.

    Attributes:
        events: time, kind, message of the newest.
        counts: how many of each kind.
        states: how often this member became what.
    """

    events: list[tuple[str, str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)

    def merge(self, other: Happened) -> None:
        """Add those of another part of the log."""
        self.events += other.events
        self._bound()
        for mine, its in ((self.counts, other.counts), (self.states, other.states)):
            for name, count in its.items():
                mine[name] = mine.get(name, 0) + count

    def take(self, event: Event) -> None:
        """Keep an entry, if it is one of these."""
        message, attr = event.message, event.attr
        kind = _KINDS.get(event.number, "")
        kind = kind or next((kind for start, kind in _BEGINNINGS if message.startswith(start)), "")
        kind = kind or ("crash" if event.level == "F" else "")
        if not kind:
            return
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == "state":
            state = shorten(str(attr.get("newState")), 30)
            if state in self.states or len(self.states) < _MOST:
                self.states[state] = self.states.get(state, 0) + 1
        self.events.append((event.stamp, kind, shorten(_said(kind, message, attr), 300)))
        if len(self.events) > 2 * _MOST:
            self._bound()

    def _bound(self) -> None:
        self.events.sort()
        del self.events[:-_MOST]

    def tables(self, limit: int) -> Iterator[Table]:
        """The newest, in order of time."""
        rows = tuple(
            {"at": moment(stamp), "kind": kind, "message": message}
            for stamp, kind, message in sorted(self.events)[-limit:]
        )
        left = sum(self.counts.values()) - len(rows)
        footer = f"and {left:,} before (--limit)" if left > 0 else ""
        yield replace(HAPPENED, rows=rows, footer=footer)


def _said(kind: str, message: str, attr: Mapping[str, Any]) -> str:
    """A message with what is worth knowing of its attributes; no values of a user's."""
    text = attr.get
    if kind == "state":
        return f"{text('oldState')} → {text('newState')}"
    if kind == "member":
        return f"{text('hostAndPort')} is {text('newState')}"
    if kind == "start" and isinstance(build := text("buildInfo"), Mapping):
        return f"version {build.get('version')}"
    if kind == "configuration" and isinstance(config := text("config"), Mapping):
        members = config.get("members")
        hosts = [one.get("host") for one in members or () if isinstance(one, Mapping)]
        return f"{message}: version {config.get('version')}, {', '.join(map(str, hosts))}"
    told = {
        "host": text("host"),
        "port": text("port"),
        "term": text("term"),
        "namespace": text("namespace"),
        "signal": text("signal"),
        "exit code": text("exitCode"),
    }
    parts = [f"{name} {value}" for name, value in told.items() if isinstance(value, str | int)]
    return f"{message} ({', '.join(parts)})" if parts else message
