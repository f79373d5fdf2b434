"""The cluster does not serve all slots."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info


@check("redis.cluster-broken", level=Level.critical, tags=("cluster",))
def cluster_broken(info: Info) -> Iterator[Finding]:
    """The cluster does not serve all slots.

    Why: Commands on keys of those slots fail.

    Mistaken when: A failover is under way.

    Remedy: CLUSTER NODES tells which node is down; bring it or a replica of it up.
    """
    state = info.text("cluster_state")
    if info.text("cluster_enabled") != "1" or state in ("", "ok"):
        return
    yield Finding(
        "cluster",
        f"cluster_state is {state}; {info.text('cluster_slots_fail') or '?'} slots fail",
        Remedy("See CLUSTER NODES.", sql="CLUSTER NODES"),
        {"cluster_state": state},
    )
