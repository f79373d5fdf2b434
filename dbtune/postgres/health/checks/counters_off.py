"""track_counts is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.counters-off", level=Level.critical, tags=("settings",))
def counters_off(settings: Settings) -> Iterator[Finding]:
    """track_counts is off.

    Why: Autovacuum is blind without it and does not run; nobody can tell what is used.

    Mistaken when: Nobody has a good reason.

    Remedy: Turn it on.
    """
    if settings.get("track_counts") == "off":
        yield Finding(
            "track_counts",
            "track_counts is off: autovacuum does not run",
            Remedy(
                "Turn it on.",
                sql="ALTER SYSTEM SET track_counts = on;\nSELECT pg_reload_conf();",
                effect="",
            ),
            {"track_counts": "off"},
        )
