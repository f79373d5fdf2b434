"""Much WAL is written."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.text import bytes_text

_DAY = 86_400


@check("pg.wal-written-fast", level=Level.info, tags=("wal", "io"))
def wal_written_fast(
    checkpoints: Checkpoints, *, min_bytes_per_second: float = 50 * 1024**2
) -> Iterator[Finding]:
    """Much WAL is written.

    Why: All of it goes to disk before commits return, to each standby, and into the archive: it
        sets the price of backups and how soon a slot that nobody reads fills the disk.

    Mistaken when: A bulk load was running meanwhile.

    Remedy: dbtune slow-queries --by wal names the statements; fewer indexes, larger batches,
        wal_compression, and checkpoints further apart write less.
    """
    written, seconds = checkpoints.wal_bytes, checkpoints.seconds
    if not checkpoints.watched or not written or not seconds:
        return
    rate = written / seconds
    if rate < min_bytes_per_second:
        return
    yield Finding(
        "wal",
        f"{bytes_text(rate)} of WAL a second, {bytes_text(rate * _DAY)} a day at that rate",
        Remedy("See who writes it: dbtune slow-queries --by wal --interval 60s."),
        {"wal_bytes": written, "seconds": seconds, "wal_bytes_per_second": rate},
    )
