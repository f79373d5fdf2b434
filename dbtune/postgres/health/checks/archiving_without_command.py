"""archive_mode is on and nothing archives."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.archiver import Archiver


@check("pg.archiving-without-command", level=Level.critical, tags=("archiving",))
def archiving_without_command(archiver: Archiver) -> Iterator[Finding]:
    """archive_mode is on and nothing archives.

    Why: WAL is kept for an archiver that has no command: pg_wal grows until the disk is full.

    Mistaken when: It was left so for a moment, to set the command without a restart later.

    Remedy: Set archive_command or archive_library; or turn archive_mode off (restart).
    """
    if archiver.mode != "off" and not archiver.configured:
        yield Finding(
            "archive_command",
            f"archive_mode is {archiver.mode}, archive_command and archive_library are empty",
            Remedy(
                "Say how to archive, or let the log go for now.",
                sql="ALTER SYSTEM SET archive_command = '/bin/true';\nSELECT pg_reload_conf();",
                effect="with /bin/true nothing is kept: no point-in-time recovery",
            ),
            {"waiting": archiver.waiting},
        )
