"""How far VACUUM, ANALYZE, CREATE INDEX, CLUSTER, COPY and base backups are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbtune.facts import fact
from dbtune.postgres.session import Session

_MEASURES = (
    ("backup_streamed", "backup_total", "bytes"),
    ("bytes_processed", "bytes_total", "bytes"),
    ("sample_blks_scanned", "sample_blks_total", "blocks"),
    ("tuples_done", "tuples_total", "tuples"),
    ("blocks_done", "blocks_total", "blocks"),
    ("indexes_processed", "indexes_total", "indexes"),
    ("heap_blks_vacuumed", "heap_blks_total", "blocks"),
    ("heap_blks_scanned", "heap_blks_total", "blocks"),
    ("heap_tuples_scanned", "", "tuples"),
    ("tuples_processed", "", "tuples"),
)
"""What is done, of what, in which unit; the first that has numbers and fits the phase wins."""
_ONLY = {"indexes_processed": "vacuuming indexes", "heap_blks_vacuumed": "vacuuming heap"}
"""Measures that tell something in one phase only."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A command that tells how far it is.

    Attributes:
        pid: its process.
        command: ``VACUUM``, ``CREATE INDEX CONCURRENTLY`` ...
        object: the relation, if it is of this database.
        phase: what it is at; "" if this role may not see it.
        done, total: in that phase; ``None`` where the server does not tell.
        unit: ``blocks``, ``tuples``, ``bytes``, ``indexes``, or "".
    """

    pid: int
    command: str
    object: str = ""
    phase: str = ""
    done: int | None = None
    total: int | None = None
    unit: str = ""


@fact("progress")
def progress(session: Session) -> tuple[Progress, ...]:
    """Of all databases. Least privilege: none; other roles' details need pg_read_all_stats."""
    return tuple(
        _progress(row["command"], row["object"], row["row"]) for row in session.fact("progress")
    )


def _progress(command: str | None, name: str, row: dict[str, Any]) -> Progress:
    phase = row.get("phase") or ""
    done, total, unit = None, None, ""
    for key, of, what in _MEASURES:
        if row.get(key) is None or _ONLY.get(key, phase) != phase:
            continue
        if of and not row.get(of):
            continue
        done, total, unit = row[key], row.get(of) if of else None, what
        break
    return Progress(row["pid"], command or "", name, phase, done, total, unit)
