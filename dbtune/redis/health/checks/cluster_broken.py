"""The cluster does not serve all slots."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.cluster import Cluster
from dbtune.text import plain

SLOTS = 16_384


@check("redis.cluster-broken", level=Level.critical, tags=("cluster",))
def cluster_broken(cluster: Cluster) -> Iterator[Finding]:
    """The cluster does not serve all slots.

    Why: Commands on keys of those slots fail; by default (cluster-require-full-coverage) all do.

    Mistaken when: A failover is under way.

    Remedy: CLUSTER NODES tells which node is down; bring it or a replica of it up. Slots that no
        node has: redis-cli --cluster fix.
    """
    served = cluster.assigned == SLOTS and not cluster.failing
    if not cluster.enabled or not cluster.state or (cluster.state == "ok" and served):
        return
    yield Finding(
        "cluster",
        f"cluster_state is {plain(cluster.state)}: of {SLOTS:,} slots {SLOTS - cluster.assigned:,} "
        f"are no node's, {cluster.failing:,} are of nodes that do not answer",
        Remedy("See CLUSTER NODES.", sql="CLUSTER NODES"),
        {
            "cluster_state": cluster.state,
            "slots_assigned": cluster.assigned,
            "slots_failing": cluster.failing,
            "nodes": cluster.nodes,
        },
    )
