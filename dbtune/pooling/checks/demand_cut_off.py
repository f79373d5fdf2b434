"""A full pool lets no more of the demand through than it can."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.pooler import PoolerLoad
from dbtune.text import count_text, ratio_text


@check("pool.demand-cut-off", level=Level.info, confidence=Confidence.measured, tags=("pools",))
def demand_cut_off(
    pooler: PoolerLoad, plan: PoolPlan, *, min_busy_ratio: float = 0.95, min_waiting: float = 0.5
) -> Iterator[Finding]:
    """A pool is full while it is measured: the demand is higher than what went through.

    Why: What is lent can't be more than there is, so the measured demand is the pool's own limit;
    the size that follows from it is a lower bound.

    Mistaken when: The clients in the queue are so few, and so steady, that there never are more.

    Remedy: Raise the size by what waits, then measure again; stop when nobody waits, or when the
    hold time grows with the size: then the server is what is full.
    """
    if plan.setting.by_locks:
        return  # what was let through would queue behind these
    looks = pooler.pools.count
    for pool in pooler.pools.pools:
        size = pooler.size_of(pool)
        if not size or pool.mode == "session":
            continue
        lent, waiting = pool.servers_active / looks, pool.clients_waiting / looks
        if lent < min_busy_ratio * size or waiting < min_waiting:
            continue
        yield Finding(
            f"pool of {pool.who}",
            f"{ratio_text(lent / size)} of its {size} connections were lent and"
            f" {count_text(waiting)} clients waited: up to {count_text(lent + waiting)} would be"
            " busy",
            Remedy(
                f"Try pool_size = {size + round(waiting + 0.5)} for this database, and measure"
                " again; if each transaction then takes longer, go back.",
                effect="RELOAD",
            ),
            {
                "pool_size": size,
                "active_connections": lent,
                "waiting_clients": waiting,
            },
        )
