"""A replication slot is lost."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication


@check("pg.slot-lost", level=Level.critical, tags=("replication",))
def slot_lost(replication: Replication) -> Iterator[Finding]:
    """A replication slot is lost.

    Why: The log that its reader needs is gone: it can't go on and must be set up anew.

    Mistaken when: Nobody needs it any more.

    Remedy: Set the standby or subscription up anew, then drop the slot.
    """
    for one in replication.slots:
        if one.wal_status != "lost" and not one.invalidation_reason:
            continue
        name = one.name.replace("'", "''")
        reason = one.invalidation_reason or "the WAL it needs is removed"
        yield Finding(
            f"slot {one.name}",
            f"the slot can't be used any more: {reason}",
            Remedy(
                "Set up its reader anew, and drop it.",
                sql=f"SELECT pg_drop_replication_slot('{name}');",
            ),
            {"wal_status": one.wal_status, "reason": reason},
        )
