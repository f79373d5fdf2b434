"""What a target is and what each command can read there: the tables of ``dbtune profile test``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from dbtune.report import Column, Report, Table, record

ROUND_TRIPS = 9

CONNECTION = (
    Column("server", "server", "text", "Product and version."),
    Column("role", "role", "text", "Primary, standby, or what the engine calls it."),
    Column("database", "database", "text", "The database that the session is in."),
    Column("user", "user", "text", "Who is logged in."),
    Column("may_read", "may read", "list", "What this user may read beyond its own."),
    Column("extensions", "extensions", "list", "Extensions in this database, with versions."),
    Column("preloaded", "preloaded", "list", "shared_preload_libraries; null if hidden."),
    Column("tls", "TLS", "text", "Encryption of the connection."),
    Column("pooled", "behind a pooler", "bool", "Whether a pooler stands in between."),
    Column("provider", "managed service", "text", "The managed service, if one is recognised."),
    Column("connect_ms", "connecting took", "ms", "Time from the first packet to a session."),
    Column("round_trip_ms", "round trip", "ms", f"Median of {ROUND_TRIPS} empty requests."),
    Column("started_at", "running since", "time", "When the server was started."),
    Column("encoding", "encoding", "text", "Encoding of the database.", None),
    Column("source", "target from", "text", "Which place named the target."),
)
COMMANDS = Table(
    "commands",
    "What the commands can do here",
    (
        Column("command", "command", "text", "A dbtune command."),
        Column("state", "state", "text", "ready, limited, or not possible."),
        Column("missing", "missing", "text", "What it cannot read, and so leaves out.", None),
        Column("remedy", "remedy", "text", "The statement that would grant it.", None),
    ),
)
TABLES = (Table("connection", "Connection", CONNECTION, record=True), COMMANDS)


class Need(NamedTuple):
    """What a command finds on a target.

    Attributes:
        command: the command's name.
        missing: what it cannot read; "" if it has all it needs.
        remedy: the statement that would grant that.
        possible: whether it can do anything without.
    """

    command: str
    missing: str = ""
    remedy: str = ""
    possible: bool = True

    @property
    def state(self) -> str:
        """``ready``, ``limited`` or ``not possible``."""
        if not self.missing:
            return "ready"
        return "limited" if self.possible else "not possible"


def report(
    target: Mapping[str, object],
    connection: Mapping[str, object],
    needs: Sequence[Need],
    at: datetime | None = None,
) -> Report:
    """The outcome of ``dbtune profile test``; what is missing is *skipped*, with its remedy."""
    from dbtune.finding import Skipped

    lacking: dict[tuple[str, str], list[str]] = {}
    for need in needs:
        if need.missing:
            lacking.setdefault((need.missing, need.remedy), []).append(need.command)
    rows = tuple({**need._asdict(), "state": need.state} for need in needs)
    return Report(
        "profile test",
        (
            record("connection", "Connection", CONNECTION, {**target, **connection}),
            Table(COMMANDS.name, COMMANDS.title, COMMANDS.columns, rows),
        ),
        skipped=tuple(Skipped(", ".join(names), *why) for why, names in lacking.items()),
        target=target,
        collected_at=at,
    )


def round_trip_ms(request: Callable[[], object]) -> float:
    """Median time of a request that is as good as empty; the first one, which warms up, apart."""
    request()
    times = []
    for _ in range(ROUND_TRIPS):
        started = time.perf_counter()
        request()
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)[ROUND_TRIPS // 2]
