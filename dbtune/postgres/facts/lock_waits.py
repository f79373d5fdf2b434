"""Locks that somebody waits for, and who holds them."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class LockWait:
    """A lock that a process wants and has not got.

    Attributes:
        pid: the process.
        object: what the lock is on: a relation, ``transaction 123`` ...
        mode: ``AccessExclusiveLock`` ...
        held: process and mode of the locks on the same that are granted.
        seconds: how long it has waited; ``None`` before PostgreSQL 14.
    """

    pid: int
    object: str
    mode: str
    held: tuple[str, ...] = ()
    seconds: float | None = None


@fact("lock_waits")
def lock_waits(session: Session) -> tuple[LockWait, ...]:
    """Of all databases. Least privilege: none."""
    return tuple(
        LockWait(
            row["pid"],
            row["object"],
            row["mode"],
            tuple(row["held"]),
            (row["at"] - row["since"]).total_seconds() if row["since"] else None,
        )
        for row in session.fact("lock_waits")
    )
