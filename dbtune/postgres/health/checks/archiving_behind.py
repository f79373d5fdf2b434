"""Archiving WAL can't keep up."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.archiver import Archiver


@check("pg.archiving-behind", tags=("archiving", "disk"))
def archiving_behind(
    archiver: Archiver, *, warning_segments: int = 32, critical_segments: int = 256
) -> Iterator[Finding]:
    """Archiving WAL can't keep up.

    Why: The log that waits fills the disk, and a disaster loses what is not archived.

    Mistaken when: A bulk load has just written much, and the archiver works through it.

    Remedy: A faster target, compression, or archiving in parallel (pgBackRest's archive-async,
        WAL-G).
    """
    if archiver.waiting is None and archiver.mode != "off":
        raise Unavailable(
            "what waits to be archived can't be counted", "GRANT pg_monitor to this role"
        )
    if archiver.waiting is None or archiver.waiting < warning_segments:
        return
    yield Finding(
        "archiver",
        f"{archiver.waiting:,} segments wait to be archived",
        Remedy("Archive in parallel, or to a faster place."),
        {"waiting": archiver.waiting},
        level=Level.critical if archiver.waiting >= critical_segments else Level.warning,
    )
