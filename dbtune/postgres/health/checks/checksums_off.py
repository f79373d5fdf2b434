"""Data checksums are off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.checksums-off", level=Level.info, tags=("settings", "damage"))
def checksums_off(settings: Settings) -> Iterator[Finding]:
    """Data checksums are off.

    Why: Damage by disk, memory or firmware is noticed when somebody reads nonsense, and by then
        backups have it, too.

    Mistaken when: The file system has checksums of its own (ZFS, btrfs).

    Remedy: pg_checksums --enable on the stopped server, or on a standby and then switch over.
    """
    if settings.get("data_checksums") == "off":
        yield Finding(
            "data_checksums",
            "pages have no checksums",
            Remedy(
                "With the server stopped: pg_checksums --enable --pgdata DIR (it reads every "
                "page).",
                effect="the server is down meanwhile; 1 to 2 % more CPU afterwards",
            ),
            {"data_checksums": "off"},
        )
