"""More connections are busy than the server may give."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.model import PoolPlan, connections_needed
from dbtune.pooling.queueing import MOST_CONNECTIONS
from dbtune.pooling.sizing import Shortage
from dbtune.text import count_text


@check("pool.server-limit-exceeded", level=Level.critical, confidence=Confidence.estimated)
def server_limit_exceeded(plan: PoolPlan) -> Iterator[Finding]:
    """More connections would be busy than the server's max_connections leaves to the application.

    Why: Pools stay full, the queue before them grows without bound, and whoever connects directly
    gets "sorry, too many clients already", the administrator included.

    Mistaken when: The hold time contains waiting for a connection: give the time from getting the
    connection to giving it back.

    Remedy: Shorten the hold time, or raise max_connections if the CPUs can serve so many at once.
    """
    demand, setting = plan.demand, plan.setting
    if Shortage.server not in plan.shortages or demand is None:
        return
    pools, peak_pools = setting.pools or 1, setting.peak_pools or 1
    needed = demand.needed(pools)
    total = None if needed is None else connections_needed(plan.inputs, peak_pools, needed)
    if total is None or total > MOST_CONNECTIONS:
        remedy = Remedy("PostgreSQL can't have so many: spread the load over several servers.")
    else:
        remedy = Remedy(
            "Shorten the time that a request holds a connection, or set max_connections to at"
            f" least {total:,}.",
            sql=f"ALTER SYSTEM SET max_connections = {total};",
            effect="max_connections needs a restart, on standbys first; connections take memory.",
        )
    ceiling = setting.ceiling if setting.ceiling is not None else MOST_CONNECTIONS
    if demand.busy_peak >= MOST_CONNECTIONS:
        pools, ceiling = 1, MOST_CONNECTIONS  # any server's, however they are divided
    where = "" if pools == 1 else f" in each of {pools:,} pools"
    yield Finding(
        "server connections",
        f"{count_text(demand.busy_peak / pools)} connections would be busy{where}, and"
        f" {ceiling:,} may be had",
        remedy,
        {"busy_connections": demand.busy_peak, "pools": pools, "ceiling_connections": ceiling},
    )
