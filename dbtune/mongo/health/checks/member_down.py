"""A member of the replica set is down or not usable."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.members import ReplicaSet


@check("mongo.member-down", level=Level.critical, tags=("replication",))
def member_down(replica_set: ReplicaSet) -> Iterator[Finding]:
    """A member of the replica set is down or not usable.

    Why: One more failure may leave the set without a primary.

    Mistaken when: It is being restarted.

    Remedy: See its log; a member in RECOVERING or ROLLBACK for long may need a new copy.
    """
    for one in replica_set.members:
        if one.healthy and one.state in ("PRIMARY", "SECONDARY", "ARBITER", "STARTUP2"):
            continue
        yield Finding(
            f"member {one.name}",
            f"{one.name} is {one.state}" + ("" if one.healthy else " and does not answer"),
            Remedy("See its log."),
            {"state": one.state, "healthy": one.healthy},
        )
