"""A replication slot that nobody reads holds back WAL."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication
from dbtune.text import bytes_text, ms_text


@check("pg.slot-unused", tags=("replication", "disk"))
def slot_unused(
    replication: Replication, *, min_bytes: int = 64 * 1024**2, critical_bytes: int = 10 * 1024**3
) -> Iterator[Finding]:
    """A replication slot that nobody reads holds back WAL.

    Why: The log is kept until somebody reads it: pg_wal grows until the disk is full and the
        server stops.

    Mistaken when: Its reader is down for a moment and comes back.

    Remedy: Drop the slot if its reader is gone; set max_slot_wal_keep_size so that none can
        fill the disk.
    """
    for one in replication.slots:
        if one.active or one.wal_status == "lost" or one.retained_bytes is None:
            continue
        if one.retained_bytes < min_bytes:
            continue
        name = one.name.replace("'", "''")
        ago = f", unread for {ms_text(one.inactive_seconds * 1000)}" if one.inactive_seconds else ""
        limit = replication.max_slot_wal_keep_bytes
        yield Finding(
            f"slot {one.name}",
            f"{bytes_text(one.retained_bytes)} of WAL kept for nobody{ago}"
            + ("" if limit else "; nothing limits it (max_slot_wal_keep_size = -1)"),
            Remedy(
                "If its reader is gone for good:",
                sql=f"SELECT pg_drop_replication_slot('{name}');",
                effect="its reader can't go on from where it was",
            ),
            {"retained_bytes": one.retained_bytes, "inactive_seconds": one.inactive_seconds},
            level=Level.critical if one.retained_bytes >= critical_bytes else Level.warning,
        )
