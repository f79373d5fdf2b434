"""A database has nearly all server connections that it may have."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Entry, Pools
from dbtune.text import count_text


@check("pgbouncer.database-limit-reached", tags=("connections",))
def database_limit_reached(
    entries: tuple[Entry, ...], pools: Pools, *, min_waiting: float = 0.5
) -> Iterator[Finding]:
    """A database has all server connections that max_db_connections lets it have, and clients wait.

    Why: The limit is for all its users together; a pool whose size is not reached then waits for
    another user's connections to be closed for idleness, not for one to be given back.

    Mistaken when: The limit is meant to be what keeps the server from more.

    Remedy: Make the sizes of its users' pools add up to no more than the limit.
    """
    for one in entries:
        own = [pool for pool in pools.pools if pool.database == one.name]
        waiting = sum(pool.clients_waiting for pool in own) / max(1, pools.count)
        if not one.max_connections or one.connections < one.max_connections:
            continue
        if waiting < min_waiting or len(own) < 2:
            continue
        yield Finding(
            f"database {one.name}",
            f"all {one.max_connections} connections are open, and {count_text(waiting)} clients of"
            f" {len(own)} users wait",
            Remedy(
                f"Set pool_size of {one.name} to {max(1, one.max_connections // len(own))}, its"
                " even share, or raise max_db_connections.",
                effect="RELOAD",
            ),
            {
                "connections": one.connections,
                "max_connections": one.max_connections,
                "pool_size": one.pool_size,
                "users": len(own),
                "waiting_clients": waiting,
            },
        )
