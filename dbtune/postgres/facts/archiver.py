"""WAL archiving: what worked, what failed, when."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Archiver:
    """``pg_stat_archiver``.

    Attributes:
        mode: archive_mode: ``off``, ``on`` or ``always``.
        configured: whether there is a command or library to archive with.
        failed: segments since the statistics were reset.
        last_archived_seconds, last_failed_seconds: ago; ``None`` if never.
        last_failed: name of the segment.
        waiting: segments that wait for the archiver; ``None`` if this role may not count them.
    """

    mode: str
    configured: bool
    failed: int
    last_archived_seconds: float | None
    last_failed_seconds: float | None
    last_failed: str = ""
    waiting: int | None = None


@fact("archiver")
def archiver(session: Session) -> Archiver:
    """Least privilege: none; counting what waits needs pg_monitor."""
    from dbtune.errors import Unavailable

    row = session.fact("archiver")[0]
    waiting = None
    if row["mode"] != "off":
        try:
            waiting = session.fact("archiver_waiting")[0]["waiting"]
        except Unavailable:
            waiting = None
    return Archiver(**row, waiting=waiting)
