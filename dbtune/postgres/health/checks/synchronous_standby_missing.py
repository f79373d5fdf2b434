"""synchronous_standby_names names nobody who is there."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication


@check("pg.synchronous-standby-missing", level=Level.critical, tags=("replication",))
def synchronous_standby_missing(replication: Replication) -> Iterator[Finding]:
    """synchronous_standby_names names nobody who is there.

    Why: Every commit waits for a standby that is not connected: writing stands still.

    Mistaken when: synchronous_commit is off or local for all that matters.

    Remedy: Bring the standby back, or take it out of synchronous_standby_names.
    """
    if not replication.synchronous_names or replication.receiver is not None:
        return
    replication.require_standbys()
    if any(one.sync_state in ("sync", "quorum") for one in replication.standbys):
        return
    yield Finding(
        "synchronous_standby_names",
        f"{replication.synchronous_names} is set, and no synchronous standby is connected",
        Remedy(
            "Bring the standby back; until then commits can go on without it.",
            sql="ALTER SYSTEM SET synchronous_standby_names = '';\nSELECT pg_reload_conf();",
            effect="commits are no longer safe on a second server",
        ),
        {"standbys": len(replication.standbys)},
    )
