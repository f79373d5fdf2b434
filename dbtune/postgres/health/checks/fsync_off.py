"""fsync is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.fsync-off", level=Level.critical, tags=("settings", "damage"))
def fsync_off(settings: Settings) -> Iterator[Finding]:
    """fsync is off.

    Why: After a crash of the machine the database may be damaged beyond repair.

    Mistaken when: The data can be made again at any time: a test, a cache.

    Remedy: Turn it on; what is to be fast and may be lost is synchronous_commit = off.
    """
    if settings.get("fsync") == "off":
        yield Finding(
            "fsync",
            "fsync is off: a crash of the machine can destroy the database",
            Remedy(
                "Turn it on.",
                sql="ALTER SYSTEM SET fsync = on;\nSELECT pg_reload_conf();",
                effect="writes wait for the disk",
            ),
            {"fsync": "off"},
        )
