"""How full the table of heavyweight locks is."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class LockTable:
    """Locks in shared memory.

    Attributes:
        taken: locks that stand in the table; fast-path ones do not.
        room: for how many there is room at least: max_locks_per_transaction x (max_connections +
            max_prepared_transactions) (PostgreSQL documentation, 19.12).
        most_pid, most: the process with the most, and how many.
    """

    taken: int
    room: int
    most_pid: int | None = None
    most: int = 0


@fact("lock_table")
def lock_table(session: Session) -> LockTable:
    """Least privilege: none."""
    return LockTable(**session.fact("lock_table")[0])
