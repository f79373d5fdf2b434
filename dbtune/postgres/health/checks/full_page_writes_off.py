"""full_page_writes is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.full-page-writes-off", level=Level.critical, tags=("settings", "damage"))
def full_page_writes_off(settings: Settings) -> Iterator[Finding]:
    """full_page_writes is off.

    Why: A page that was half written in a crash can't be repaired.

    Mistaken when: The file system writes pages whole (ZFS), and backups do not rely on it.

    Remedy: Turn it on; wal_compression makes it cheaper.
    """
    if settings.get("full_page_writes") == "off":
        yield Finding(
            "full_page_writes",
            "full_page_writes is off: pages torn by a crash stay torn",
            Remedy(
                "Turn it on.",
                sql="ALTER SYSTEM SET full_page_writes = on;\nSELECT pg_reload_conf();",
                effect="more WAL after each checkpoint",
            ),
            {"full_page_writes": "off"},
        )
