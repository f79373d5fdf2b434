"""Pages failed their checksum."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import plural


@check("pg.checksum-failures", level=Level.critical, tags=("damage",))
def checksum_failures(databases: tuple[Database, ...]) -> Iterator[Finding]:
    """Pages failed their checksum.

    Why: The disk, its controller or memory damages data; what is damaged is not yet known.

    Mistaken when: They are old: the counter goes back to the last reset, and the page was
        mended since.

    Remedy: Make sure of backups at once; pg_amcheck and pg_checksums find the rest; look at the
        hardware.
    """
    for one in databases:
        if one.checksum_failures:
            yield Finding(
                f"database {one.name}" if one.name else "shared catalogs",
                f"{plural(round(one.checksum_failures), 'page')} failed",
                Remedy(
                    "Take no backup over the last good one. Find what is damaged: pg_amcheck "
                    "--all; "
                    "restore it."
                ),
                {"checksum_failures": one.checksum_failures, "seconds": one.seconds},
            )
