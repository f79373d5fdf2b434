"""The oplog reaches back for a short time only."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.members import Oplog
from dbtune.text import bytes_text, ms_text


@check("mongo.oplog-window-short", tags=("replication",))
def oplog_window_short(
    oplog: Oplog,
    *,
    warning_seconds: float = 86_400,
    critical_seconds: float = 3_600,
    full_ratio: float = 0.8,
) -> Iterator[Finding]:
    """The oplog reaches back for a short time only.

    Why: A secondary or a change stream that is down for longer has to begin anew with a full
        copy.

    Mistaken when: The set is young: the window grows until the oplog is full.

    Remedy: replSetResizeOplog, or a minimum retention.
    """
    full = oplog.size_bytes >= full_ratio * oplog.max_bytes
    if oplog.window_seconds >= warning_seconds or not full or not oplog.max_bytes:
        return
    hours = max(oplog.window_seconds / 3600, 0.01)
    wanted = round(oplog.max_bytes / hours * 24 / 1024**2) + 990
    yield Finding(
        "oplog",
        f"the oplog ({bytes_text(oplog.max_bytes)}) holds {ms_text(oplog.window_seconds * 1000)}",
        Remedy(
            "Make it hold a day, on each member: the command is not replicated.",
            sql=f"db.adminCommand({{replSetResizeOplog: 1, size: {wanted}.0}})",
        ),
        {"window_seconds": oplog.window_seconds, "max_bytes": oplog.max_bytes},
        level=Level.critical if oplog.window_seconds < critical_seconds else Level.warning,
    )
