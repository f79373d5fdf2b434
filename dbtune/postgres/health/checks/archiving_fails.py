"""Archiving WAL fails."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.archiver import Archiver
from dbtune.text import ms_text


@check("pg.archiving-fails", level=Level.critical, tags=("archiving",))
def archiving_fails(archiver: Archiver) -> Iterator[Finding]:
    """Archiving WAL fails.

    Why: Backups can't be restored to a time after the failure, and pg_wal grows until the disk
        is full.

    Mistaken when: The failure was before a success that came since.

    Remedy: See the server's log for what the command said; run it by hand as the server's user.
    """
    failed, done = archiver.last_failed_seconds, archiver.last_archived_seconds
    if archiver.mode == "off" or failed is None or (done is not None and done < failed):
        return
    yield Finding(
        "archiver",
        f"the last try failed {ms_text(failed * 1000)} ago ({archiver.last_failed}), "
        + (f"the last success was {ms_text(done * 1000)} ago" if done else "none has succeeded"),
        Remedy("The server's log has what archive_command printed.", sql="SHOW archive_command;"),
        {"failed": archiver.failed, "waiting": archiver.waiting},
    )
