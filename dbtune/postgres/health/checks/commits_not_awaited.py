"""synchronous_commit is off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.commits-not-awaited", level=Level.warning, tags=("settings",))
def commits_not_awaited(settings: Settings) -> Iterator[Finding]:
    """synchronous_commit is off.

    Why: The last moments before a crash of the server are lost, though clients were told they
        are safe.

    Mistaken when: It was chosen: the data may be lost, and nothing is damaged by it.

    Remedy: Turn it on for the server, and off for the transactions that may lose something.
    """
    if settings.get("synchronous_commit") == "off":
        yield Finding(
            "synchronous_commit",
            "synchronous_commit is off for the whole server",
            Remedy(
                "Turn it on; SET LOCAL synchronous_commit = off where loss is fine.",
                sql="ALTER SYSTEM SET synchronous_commit = on;\nSELECT pg_reload_conf();",
                effect="commits wait for the disk",
            ),
            {"synchronous_commit": "off"},
        )
