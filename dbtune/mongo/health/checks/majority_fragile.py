"""The loss of one member stops all writing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.members import ReplicaSet


@check("mongo.majority-fragile", level=Level.info, tags=("replication",))
def majority_fragile(replica_set: ReplicaSet) -> Iterator[Finding]:
    """The loss of one member stops all writing.

    Why: Without a majority there is no primary.

    Mistaken when: It is a test, or a single-member set for transactions and change streams.

    Remedy: Three voting members, or any odd number above.
    """
    voting = replica_set.voting
    if voting in (2, 4, 6) or voting == 1:
        even = f"{voting} members vote: one more adds no safety until there are {voting + 1}"
        yield Finding(
            f"replica set {replica_set.name}",
            even if voting > 1 else "there is a single voting member",
            Remedy("Have an odd number of voting members, three at least."),
            {"voting": voting, "majority": replica_set.majority},
            level=Level.warning if voting == 2 else Level.info,
        )
