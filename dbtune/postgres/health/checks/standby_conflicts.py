"""Queries on this standby are cancelled because of replay."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import ms_text


@check("pg.standby-conflicts", tags=("replication",))
def standby_conflicts(
    databases: tuple[Database, ...], *, min_conflicts: int = 1
) -> Iterator[Finding]:
    """Queries on this standby are cancelled because of replay.

    Why: Their clients get an error for no fault of theirs.

    Mistaken when: A few cancelled reports are the price of a standby that does not lag.

    Remedy: hot_standby_feedback (the primary keeps the rows), or a larger
        max_standby_streaming_delay (this server lags).
    """
    for one in databases:
        if one.conflicts < min_conflicts or not one.watched:
            continue
        yield Finding(
            f"database {one.name}",
            f"{one.conflicts:.0f} queries cancelled in {ms_text((one.seconds or 0) * 1000)}",
            Remedy(
                "Let the primary know what is read here.",
                sql="ALTER SYSTEM SET hot_standby_feedback = on;\nSELECT pg_reload_conf();",
                effect="the primary keeps dead rows as long as queries here need them",
            ),
            {"conflicts": one.conflicts, "seconds": one.seconds},
        )
