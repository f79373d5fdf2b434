"""The reader of a replication slot is far behind."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication
from dbtune.text import bytes_text


@check("pg.slot-retains-wal", tags=("replication", "disk"))
def slot_retains_wal(
    replication: Replication, *, warning_bytes: int = 5 * 1024**3
) -> Iterator[Finding]:
    """The reader of a replication slot is far behind.

    Why: The log that it has not read is kept: pg_wal grows with it.

    Mistaken when: It catches up after a pause.

    Remedy: See why it is slow: a subscriber's apply worker, its network, its disk.
    """
    for one in replication.slots:
        if not one.active or one.retained_bytes is None or one.retained_bytes < warning_bytes:
            continue
        yield Finding(
            f"slot {one.name}",
            f"{bytes_text(one.retained_bytes)} of WAL kept for a reader that is behind"
            + (f", {bytes_text(one.safe_bytes)} until it is lost" if one.safe_bytes else ""),
            Remedy("See what its reader waits for; limit the damage with max_slot_wal_keep_size."),
            {"retained_bytes": one.retained_bytes, "safe_bytes": one.safe_bytes},
            level=Level.critical if one.wal_status == "unreserved" else Level.warning,
        )
