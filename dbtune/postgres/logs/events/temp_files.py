"""Temporary files (log_temp_files): which statements spilled, and how much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dbtune.logs.tally import Sum, trim
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Column, Table

_MOST = 1000
_FILE = re.compile(r'temporary file: path ".*", size (\d+)')

TEMP_FILES = Table(
    "temp_files",
    "Temporary files",
    (
        Column("files", "files", "int", "Files written."),
        Column("total_bytes", "size", "bytes", "Their size, all together."),
        Column("max_bytes", "largest", "bytes", "The largest of them.", 1),
        Column("statement", "statement", "sql", "The statement; null if the log does not tell."),
    ),
)


@dataclass(slots=True)
class TempFiles:
    """Temporary files by statement."""

    statements: dict[str, Sum] = field(default_factory=dict)

    def take(self, record: Record, statements: Statements) -> bool:
        """Count a file."""
        found = _FILE.match(record.message)
        if found is None:
            return False
        size = int(found[1])
        text = ""
        if record.statement:
            logged = statements.logged(record.statement)
            logged.temp_bytes += size
            logged.temp_files += 1
            text = logged.text
        if text not in self.statements:
            trim(self.statements, _MOST - 1, lambda one: one.total)
        self.statements.setdefault(text, Sum()).add(size)
        return True

    def tables(self, limit: int, seconds: float) -> Iterator[Table]:
        """The statements that wrote most first."""
        ranked = sorted(self.statements.items(), key=lambda item: (-item[1].total, item[0]))
        rows = tuple(
            {
                "files": one.count,
                "total_bytes": round(one.total),
                "max_bytes": round(one.largest),
                "statement": text or None,
            }
            for text, one in ranked[:limit]
        )
        yield replace(TEMP_FILES, rows=rows)
