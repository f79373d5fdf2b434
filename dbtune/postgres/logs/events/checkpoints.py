"""Checkpoints and restartpoints (log_checkpoints): why they came and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.tally import Sum
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_STARTING = re.compile(r"(?:checkpoint|restartpoint) starting: ?(.*)")
_COMPLETE = re.compile(
    r"(?:checkpoint|restartpoint) complete: wrote (\d+) buffers.*?"
    r"write=([\d.]+) s, sync=([\d.]+) s, total=([\d.]+) s"
)
_DISTANCE = re.compile(r"distance=(\d+) kB")
_FREQUENT = re.compile(r"checkpoints are occurring too frequently \((\d+) second")

CHECKPOINTS = Table(
    "checkpoints",
    "Checkpoints",
    (
        Column("complete", "complete", "int", "Checkpoints that were completed."),
        Column("by_time", "by time", "int", "Started because checkpoint_timeout had passed."),
        Column("by_wal", "by WAL", "int", "Started because max_wal_size was near."),
        Column("by_request", "by request", "int", "Started by a command, a backup, a shutdown."),
        Column("too_frequent", "too frequent", "int", "Warnings that they come too frequently."),
        Column("buffers", "buffers written", "int", "Buffers written by all of them."),
        Column("write_seconds", "writing", "seconds", "Time of writing, all together."),
        Column("sync_seconds", "syncing", "seconds", "Time of syncing, all together."),
        Column("max_seconds", "longest", "seconds", "The longest of them."),
        Column("max_sync_seconds", "longest sync", "seconds", "The longest time of syncing."),
        Column("wal_bytes", "WAL between them", "bytes", "Distance of WAL, all together."),
    ),
    record=True,
)


@dataclass(slots=True)
class Checkpoints:
    """Checkpoints: causes by their words, and the sums of what was done."""

    causes: dict[str, int] = field(default_factory=dict)
    buffers: Sum = field(default_factory=Sum)
    write_seconds: Sum = field(default_factory=Sum)
    sync_seconds: Sum = field(default_factory=Sum)
    total_seconds: Sum = field(default_factory=Sum)
    distance_bytes: Sum = field(default_factory=Sum)
    too_frequent: int = 0

    def take(self, record: Record, statements: Statements) -> bool:
        """Count the start or the end of a checkpoint."""
        message = record.message
        if not message.startswith(("checkpoint", "restartpoint")):
            return False
        if found := _COMPLETE.match(message):
            self.buffers.add(int(found[1]))
            self.write_seconds.add(float(found[2]))
            self.sync_seconds.add(float(found[3]))
            self.total_seconds.add(float(found[4]))
            if distance := _DISTANCE.search(message):
                self.distance_bytes.add(int(distance[1]) * 1024)
        elif found := _STARTING.match(message):
            cause = _cause(found[1].split())
            self.causes[cause] = self.causes.get(cause, 0) + 1
        elif _FREQUENT.match(message):
            self.too_frequent += 1
        else:
            return False
        return True

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """One record; none if there was no checkpoint."""
        if not self.total_seconds.count and not self.causes:
            return
        row = {
            "complete": self.total_seconds.count,
            "by_time": self.causes.get("time", 0),
            "by_wal": self.causes.get("wal", 0),
            "by_request": self.causes.get("request", 0),
            "too_frequent": self.too_frequent,
            "buffers": round(self.buffers.total),
            "write_seconds": self.write_seconds.total,
            "sync_seconds": self.sync_seconds.total,
            "max_seconds": self.total_seconds.largest,
            "max_sync_seconds": self.sync_seconds.largest,
            "wal_bytes": round(self.distance_bytes.total),
        }
        yield replace(CHECKPOINTS, rows=(row,))


def _cause(words: list[str]) -> str:
    """PostgreSQL says xlog before 10, wal since then; several words may stand together."""
    if "time" in words:
        return "time"
    return "wal" if "wal" in words or "xlog" in words else "request"
