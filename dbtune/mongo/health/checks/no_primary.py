"""The replica set has no primary."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.members import ReplicaSet


@check("mongo.no-primary", level=Level.critical, tags=("replication",))
def no_primary(replica_set: ReplicaSet) -> Iterator[Finding]:
    """The replica set has no primary.

    Why: Nothing can be written.

    Mistaken when: An election is under way: it takes seconds.

    Remedy: Bring enough members up for a majority.
    """
    if replica_set.members and not replica_set.has_primary:
        yield Finding(
            f"replica set {replica_set.name}",
            f"no member is primary; a majority of {replica_set.majority} votes is needed",
            Remedy("Bring members up; see rs.status().", sql="rs.status()"),
            {"members": len(replica_set.members)},
        )
