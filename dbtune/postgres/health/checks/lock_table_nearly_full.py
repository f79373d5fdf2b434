"""The table of locks is nearly full."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.locks import LockTable


@check("pg.lock-table-nearly-full", tags=("locks",))
def lock_table_nearly_full(
    lock_table: LockTable, *, warning_ratio: float = 0.5, critical_ratio: float = 0.8
) -> Iterator[Finding]:
    """The table of locks is nearly full.

    Why: A full one ends statements with "out of shared memory", whoever comes next.

    Mistaken when: pg_dump or a migration of thousands of tables runs, and ends soon.

    Remedy: Touch fewer tables or partitions in one transaction; or max_locks_per_transaction
        (restart).
    """
    if lock_table.taken < warning_ratio * lock_table.room:
        return
    share = lock_table.taken / lock_table.room
    yield Finding(
        "max_locks_per_transaction",
        f"{lock_table.taken:,} of about {lock_table.room:,} locks are taken; process "
        f"{lock_table.most_pid} has {lock_table.most:,}",
        Remedy(
            "See what that process does; allow for more.",
            sql="ALTER SYSTEM SET max_locks_per_transaction = 256;",
            effect="needs a restart",
        ),
        {"taken": lock_table.taken, "room": lock_table.room},
        level=Level.critical if share >= critical_ratio else Level.warning,
    )
