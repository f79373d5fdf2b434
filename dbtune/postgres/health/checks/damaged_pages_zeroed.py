"""zero_damaged_pages is on."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.damaged-pages-zeroed", level=Level.critical, tags=("settings", "damage"))
def damaged_pages_zeroed(settings: Settings) -> Iterator[Finding]:
    """zero_damaged_pages is on.

    Why: Damaged pages are silently emptied: rows vanish without a word.

    Mistaken when: A rescue is under way.

    Remedy: Turn it off, and mend the damage.
    """
    if settings.get("zero_damaged_pages") == "on":
        yield Finding(
            "zero_damaged_pages",
            "zero_damaged_pages is on: damage makes rows vanish silently",
            Remedy(
                "Turn it off.",
                sql="ALTER SYSTEM SET zero_damaged_pages = off;\nSELECT pg_reload_conf();",
                effect="",
            ),
            {"zero_damaged_pages": "on"},
        )
