"""Autovacuum (log_autovacuum_min_duration): which tables, and what it cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import Sum, trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_MOST = 2000
_START = re.compile(
    r"automatic (?P<aggressive>aggressive )?(?P<what>vacuum|analyze)"
    r"(?P<wraparound> to prevent wraparound)? of table \"(?P<table>.*?)\"(?:[:\n]|$)"
)
_ELAPSED = re.compile(r"elapsed:? (\d+\.\d+) s")
_BUFFERS = re.compile(r"buffer usage: (\d+) hits, (\d+) (?:misses|reads), (\d+) dirtied")
_TUPLES = re.compile(r"tuples: (\d+) removed, \d+ remain, (\d+) are dead but not yet removable")
_WAL = re.compile(r"WAL usage: \d+ records, \d+ full page images, (\d+) bytes")
_SCANS = re.compile(r"index scans: (\d+)")

VACUUMS = Table(
    "autovacuum",
    "Autovacuum",
    (
        Column("table", "table", "text", "Database, schema and table."),
        Column("vacuums", "vacuums", "int", "How often it was vacuumed."),
        Column("analyzes", "analyzes", "int", "How often its statistics were made.", 2),
        Column("cancelled", "cancelled", "int", "How often it gave way to another's lock.", 1),
        Column("against_wraparound", "wraparound", "int", "Vacuums to prevent wraparound.", 2),
        Column("total_seconds", "time", "seconds", "Time of all of them."),
        Column("max_seconds", "longest", "seconds", "The longest of them.", 2),
        Column("read_blocks", "read", "int", "Blocks from outside the server's cache.", 3),
        Column("dirtied_blocks", "dirtied", "int", "Blocks made dirty.", 3),
        Column("wal_bytes", "WAL", "bytes", "Write-ahead log produced (since 13).", 4),
        Column("removed_rows", "removed", "int", "Dead rows removed.", 1),
        Column("kept_dead_rows", "kept dead", "int", "Dead rows that could not be removed.", 2),
        Column("index_scans", "index scans", "int", "Passes over all indexes.", 4),
        Column("last_at", "last", "time", "When last.", 4),
    ),
)


@dataclass(slots=True)
class Vacuumed:
    """What autovacuum did to a table."""

    vacuums: Sum = field(default_factory=Sum)
    analyzes: Sum = field(default_factory=Sum)
    against_wraparound: int = 0
    cancelled: int = 0
    read: int = 0
    dirtied: int = 0
    wal_bytes: int = 0
    removed: int = 0
    kept_dead: int = 0
    index_scans: int = 0
    last: str = ""

    @property
    def seconds(self) -> float:
        """Time of all of them."""
        return self.vacuums.total + self.analyzes.total


@dataclass(slots=True)
class Vacuums:
    """Autovacuum by table."""

    relations: dict[str, Vacuumed] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a vacuum or an analyze, done or cancelled."""
        message = record.message
        if message.startswith("canceling autovacuum task"):
            if found := _START.search(record.context):
                self._of(found["table"]).cancelled += 1
            return False  # it is an error, too
        found = _START.match(message) if message.startswith("automatic ") else None
        if found is None:
            return False
        one = self._of(found["table"])
        elapsed = _ELAPSED.search(message)
        seconds = float(elapsed[1]) if elapsed else 0.0
        (one.vacuums if found["what"] == "vacuum" else one.analyzes).add(seconds)
        one.against_wraparound += bool(found["wraparound"])
        one.last = max(one.last, record.stamp)
        if numbers := _BUFFERS.search(message):
            one.read += int(numbers[2])
            one.dirtied += int(numbers[3])
        if numbers := _TUPLES.search(message):
            one.removed += int(numbers[1])
            one.kept_dead += int(numbers[2])
        if numbers := _WAL.search(message):
            one.wal_bytes += int(numbers[1])
        if numbers := _SCANS.search(message):
            one.index_scans += int(numbers[1])
        return True

    def _of(self, table: str) -> Vacuumed:
        if table not in self.relations:
            trim(self.relations, _MOST - 1, lambda one: one.seconds)
        return self.relations.setdefault(table, Vacuumed())

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """The tables that took most time first."""
        ranked = sorted(self.relations.items(), key=lambda item: (-item[1].seconds, item[0]))
        rows = tuple(
            {
                "table": name,
                "vacuums": one.vacuums.count,
                "analyzes": one.analyzes.count,
                "cancelled": one.cancelled,
                "against_wraparound": one.against_wraparound,
                "total_seconds": one.seconds,
                "max_seconds": max(one.vacuums.largest, one.analyzes.largest),
                "read_blocks": one.read,
                "dirtied_blocks": one.dirtied,
                "wal_bytes": one.wal_bytes,
                "removed_rows": one.removed,
                "kept_dead_rows": one.kept_dead,
                "index_scans": one.index_scans,
                "last_at": moment(one.last),
            }
            for name, one in ranked[:limit]
        )
        yield replace(VACUUMS, rows=rows)
