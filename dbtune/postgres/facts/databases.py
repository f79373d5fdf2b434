"""Counters of each database: transactions, blocks, temporary files, deadlocks, sessions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from dbtune.facts import counters
from dbtune.postgres.facts.counting import grown, seconds_between
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Database:
    """One row of ``pg_stat_database``.

    Attributes:
        name: the database; "" stands for what all share.
        at: the server's clock.
        read_ms: time that reads of blocks took; 0 unless track_io_timing is on.
        seconds: how long was counted; ``None`` if it is not known since when.
        watched: whether that is an interval just now, and not all since the last reset.
        commits, rollbacks: transactions.
        blocks_hit, blocks_read: found in shared buffers, asked of the operating system.
        conflicts: statements cancelled on a standby because of replay.
        temp_files, temp_bytes: written for sorts, hashes and the like.
        deadlocks: since counted.
        checksum_failures: pages that failed; ``None`` if checksums are off.
        sessions: begun (PostgreSQL 14 and later), likewise the next three.
        sessions_abandoned: lost their client.
        active_ms, idle_in_transaction_ms: time of sessions that have ended or reported.
        stats_reset: since when is counted.
    """

    name: str
    at: datetime
    commits: float
    rollbacks: float
    blocks_hit: float
    blocks_read: float
    conflicts: float
    temp_files: float
    temp_bytes: float
    deadlocks: float
    checksum_failures: float | None = None
    sessions: float | None = None
    sessions_abandoned: float | None = None
    active_ms: float | None = None
    idle_in_transaction_ms: float | None = None
    read_ms: float | None = None
    seconds: float | None = None
    watched: bool = False
    stats_reset: datetime | None = None


_COUNTED = tuple(
    field.name
    for field in fields(Database)
    if field.name not in ("name", "at", "seconds", "watched", "stats_reset")
)


def between(first: tuple[Database, ...], second: tuple[Database, ...]) -> tuple[Database, ...]:
    before = {one.name: one for one in first}
    return tuple(_difference(before.get(one.name), one) for one in second)


def _difference(old: Database | None, new: Database) -> Database:
    if old is None:
        return replace(new, watched=True, seconds=None)
    reset = old.stats_reset != new.stats_reset
    changed: dict[str, Any] = {
        name: grown(float(getattr(old, name) or 0), float(value), reset=reset)
        for name in _COUNTED
        if (value := getattr(new, name)) is not None
    }
    return replace(new, **changed, seconds=seconds_between(old.at, new.at), watched=True)


@counters("databases", between)
def databases(session: Session) -> tuple[Database, ...]:
    """All databases, and what they share, by name. Least privilege: none."""
    found = []
    for row in session.fact("databases"):
        more = row.pop("more")
        reset = row["stats_reset"]
        known: dict[str, Any] = {
            key: float(value) if isinstance(value, int) else value for key, value in row.items()
        }
        found.append(
            Database(
                **known,
                checksum_failures=_number(more, "checksum_failures"),
                sessions=_number(more, "sessions"),
                sessions_abandoned=_number(more, "sessions_abandoned"),
                active_ms=_number(more, "active_time"),
                idle_in_transaction_ms=_number(more, "idle_in_transaction_time"),
                read_ms=_number(more, "blk_read_time"),
                seconds=(row["at"] - reset).total_seconds() if reset else None,
            )
        )
    return tuple(found)


def _number(more: dict[str, object], name: str) -> float | None:
    value = more.get(name)
    return None if value is None else float(str(value))
