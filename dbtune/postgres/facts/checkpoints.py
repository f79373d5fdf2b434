"""Checkpoints, who wrote dirty buffers, and how much WAL: counters of the whole server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import counters
from dbtune.postgres.facts.counting import grown, seconds_between
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """``pg_stat_bgwriter`` and what came after it (``pg_stat_checkpointer``, ``pg_stat_io``).

    Attributes:
        at: the server's clock.
        timed, requested: checkpoints because of checkpoint_timeout, because of WAL or a command.
        write_ms, sync_ms: time they took.
        buffers_checkpointer, buffers_cleaner: written by checkpointer and background writer.
        buffers_backend: written by backends themselves; ``None`` if the server does not tell.
        backend_fsyncs: files that backends had to flush themselves; likewise.
        cleaner_stopped: how often the background writer stopped at bgwriter_lru_maxpages.
        wal_bytes: WAL written; on 13 since the cluster was made, else since the reset.
        wal_full_pages: full-page images; ``None`` before 14.
        wal_buffers_full: WAL written because its buffers were full; ``None`` before 14.
        max_wal_bytes, timeout_seconds: max_wal_size and checkpoint_timeout.
        seconds, watched, stats_reset: as of :class:`~dbtune.postgres.facts.databases.Database`.
    """

    at: datetime
    timed: float
    requested: float
    write_ms: float
    sync_ms: float
    buffers_checkpointer: float
    buffers_cleaner: float
    cleaner_stopped: float
    max_wal_bytes: int
    timeout_seconds: float
    buffers_backend: float | None = None
    backend_fsyncs: float | None = None
    wal_bytes: float | None = None
    wal_full_pages: float | None = None
    wal_buffers_full: float | None = None
    seconds: float | None = None
    watched: bool = False
    stats_reset: datetime | None = None


_COUNTED = (
    "timed", "requested", "write_ms", "sync_ms", "buffers_checkpointer", "buffers_cleaner",
    "cleaner_stopped", "buffers_backend", "backend_fsyncs", "wal_bytes", "wal_full_pages",
    "wal_buffers_full",
)  # fmt: skip


def _between(first: Checkpoints, second: Checkpoints) -> Checkpoints:
    reset = first.stats_reset != second.stats_reset
    changed: dict[str, Any] = {
        name: grown(float(getattr(first, name) or 0), float(value), reset=reset)
        for name in _COUNTED
        if (value := getattr(second, name)) is not None
    }
    seconds = seconds_between(first.at, second.at)
    return replace(second, **changed, seconds=seconds, watched=True)


@counters("checkpoints", _between)
def checkpoints(session: Session) -> Checkpoints:
    """Least privilege: none."""
    row = session.fact("checkpoints")[0]
    wal = _optional(session, "checkpoints_wal") if session.major >= 14 else {}
    by_backends = _optional(session, "checkpoints_io") if session.major >= 16 else {}
    known: dict[str, Any] = {
        key: value if isinstance(value, datetime) or key == "max_wal_bytes" else float(value)
        for key, value in (row | wal | by_backends).items()
        if value is not None
    }
    return Checkpoints(
        **known,
        seconds=(row["at"] - row["stats_reset"]).total_seconds() if row["stats_reset"] else None,
    )


def _optional(session: Session, name: str) -> dict[str, Any]:
    try:
        return session.fact(name)[0]
    except Unavailable:
        return {}
