"""A secondary is far behind."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.members import ReplicaSet
from dbtune.text import ms_text


@check("mongo.secondary-lags", tags=("replication",))
def secondary_lags(
    replica_set: ReplicaSet, *, warning_seconds: float = 10, critical_seconds: float = 120
) -> Iterator[Finding]:
    """A secondary is far behind.

    Why: Reads there are stale, writes with majority wait, and it can't take over without loss.

    Mistaken when: It is delayed on purpose, or was just restarted.

    Remedy: See its disk, its network, and long operations on it.
    """
    for one in replica_set.members:
        if one.lag_seconds is None or one.lag_seconds < warning_seconds:
            continue
        yield Finding(
            f"member {one.name}",
            f"{ms_text(one.lag_seconds * 1000)} behind the primary",
            Remedy("See its disk and network.", sql="rs.printSecondaryReplicationInfo()"),
            {"lag_seconds": one.lag_seconds},
            level=Level.critical if one.lag_seconds >= critical_seconds else Level.warning,
        )
