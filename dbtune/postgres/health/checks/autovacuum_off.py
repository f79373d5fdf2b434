"""autovacuum is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.autovacuum-off", level=Level.critical, tags=("settings", "vacuum"))
def autovacuum_off(settings: Settings) -> Iterator[Finding]:
    """autovacuum is off.

    Why: Dead rows stay, statistics grow old, and transaction ids run out.

    Mistaken when: Somebody vacuums everything by a schedule, and watches it.

    Remedy: Turn it on; tables that must not be vacuumed by day have their own settings.
    """
    if settings.get("autovacuum") == "off":
        yield Finding(
            "autovacuum",
            "autovacuum is off for the whole server",
            Remedy(
                "Turn it on.",
                sql="ALTER SYSTEM SET autovacuum = on;\nSELECT pg_reload_conf();",
                effect="",
            ),
            {"autovacuum": "off"},
        )
