"""All connections of a pool are lent, and clients wait."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.pooler import Entry, Pools
from dbtune.text import count_text, ms_text


@check("pgbouncer.pool-exhausted", tags=("pools",))
def pool_exhausted(
    pools: Pools,
    entries: tuple[Entry, ...],
    *,
    min_waiting: float = 0.5,
    warning_ms: float = 100,
    critical_ms: float = 5000,
) -> Iterator[Finding]:
    """All connections of a pool are lent, and clients wait for one.

    Why: Every request waits for others to finish; what waits longer than query_wait_timeout fails.

    Mistaken when: A burst has just passed, or waiting is wanted, because the server could not do
    more at once.

    Remedy: Shorten what holds the connections (dbtune pool-size tells what they are at); raise the
    size only if the server's CPUs have room.
    """
    sizes = {one.name: one.pool_size for one in entries}
    for one in pools.pools:
        size = sizes.get(one.database)
        waiting = one.clients_waiting / pools.count
        if not size or one.most_active < size or waiting < min_waiting:
            continue
        if one.longest_wait_ms < warning_ms:
            continue
        yield Finding(
            f"pool of {one.who}",
            f"{count_text(waiting)} clients wait for one of {size} connections, all lent, the"
            f" longest for {ms_text(one.longest_wait_ms)}",
            Remedy(
                "See what they are at: dbtune pool-size SERVER --pgbouncer CONSOLE; then set the"
                " size that it derives (pool_size= of the database, or default_pool_size).",
                effect="RELOAD",
            ),
            {
                "waiting_clients": waiting,
                "pool_size": size,
                "longest_wait_ms": one.longest_wait_ms,
                "most_active": one.most_active,
            },
            level=Level.critical if one.longest_wait_ms >= critical_ms else Level.warning,
        )
