"""What a PgBouncer says of the demand, and what its pools are like.

A server connection is held from when a client gets it until its transaction ends. PgBouncer counts
transactions exactly; their time, less the wait that it contains, is the time that one was held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Skipped
from dbtune.pooling import series
from dbtune.pooling.demand import BUSIEST
from dbtune.pooling.inputs import round_up
from dbtune.pooling.measured import FEWEST_WINDOWS, Quantities, Quantity
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.pooler import Pool, PoolerLoad
from dbtune.pooling.queueing import Wait, smallest_pool, waiting
from dbtune.pooling.series import Estimate
from dbtune.report import Column, Row, Table

POOLER_POOLS = Table(
    "pooler_pools",
    "PgBouncer's pools",
    (
        Column("database", "database", "text", "Database, as clients call it."),
        Column("user", "user", "text", "User."),
        Column("mode", "mode", "text", "When a server connection goes back.", 2),
        Column("pool_size", "size", "int", "As configured; the reserve comes on top."),
        Column("active_connections", "active", "float", "Server connections lent, on average."),
        Column("most_active_connections", "most", "int", "Lent at once, as far as was seen.", 1),
        Column("waiting_connections", "waiting", "float", "Clients in the queue, on average."),
        Column("longest_wait_ms", "longest", "ms", "The longest that one was seen waiting.", 1),
        Column("wait_mean_ms", "mean wait", "ms", "Of all transactions of its database."),
        Column(
            "predicted_wait_mean_ms", "predicted", "ms", "By Erlang C, for size and load; or null."
        ),
        Column("needed_connections", "needs", "int", "Size that meets the target."),
    ),
    empty="no pool was seen",
)
APPLICATIONS = Table(
    "pooler_clients",
    "PgBouncer's clients by application",
    (
        Column("database", "database", "text", "Database, as clients call it."),
        Column("user", "user", "text", "User."),
        Column("application", "application", "text", "application_name of its clients."),
        Column("client_connections", "clients", "int", "Connections to PgBouncer."),
        Column("served_connections", "served", "int", "Of these, that have a server connection."),
        Column("waiting_connections", "waiting", "int", "That wait for one."),
        Column("unused_connections", "unused", "int", "That asked for nothing for a minute."),
        Column("longest_idle_ms", "longest idle", "ms", "Since the last request of one.", 1),
        Column(
            "most_prepared_statements",
            "prepared",
            "int",
            "Statements that one client has prepared; null before PgBouncer 1.21.",
            1,
        ),
    ),
    empty="no client is connected",
)
SHOWN_APPLICATIONS = 15
SATURATED = 0.95
"""Lent on average: above, the demand may be far more than the pool lets through."""


def of_pooler(load: PoolerLoad, variance: float = 1.0) -> tuple[Quantities, tuple[Skipped, ...]]:
    """What a PgBouncer's load says, and what it does not and why.

    Args:
        load: what was observed.
        variance: squared coefficient of variation of the hold time, if it is known.
    """
    found: dict[str, Quantity] = {}
    transactions = sum(one.transactions for one in load.traffic)
    source = "PgBouncer, SHOW STATS"
    if transactions:
        error = 1.96 / math.sqrt(transactions)
        rate = _rate(load, error)
        if rate is not None:
            found["per_second"] = Quantity(rate, source)
        hold = sum(one.held_ms for one in load.traffic) / transactions
        if hold > 0:
            around = hold * error * math.sqrt(max(variance, 0.01))
            found["hold_ms"] = Quantity(
                Estimate(hold, max(0.0, hold - around), hold + around), source
            )
        wait = sum(one.wait_ms for one in load.traffic) / transactions
        found["wait_ms"] = Quantity(Estimate(wait), source)
        if rate is not None:
            found["busy"] = Quantity(Estimate(rate.value * hold / 1000), source)
    found |= _of_looks(load)
    if "per_second" in found and "hold_ms" in found:
        return found, load.skipped
    why = "no transaction went through PgBouncer; use a longer --interval, at a busy time"
    return found, (
        *load.skipped,
        Skipped("demand of PgBouncer", why, "give dbtune pool-size --rps and --hold-time"),
    )


def pooler_pools_table(load: PoolerLoad, plan: PoolPlan) -> Table:
    """Each pool: how busy, what waits, and what should by the model."""
    return replace(POOLER_POOLS, rows=tuple(_rows(load, plan)))


def applications_table(load: PoolerLoad) -> Table:
    """Clients by application, most first."""
    rows = tuple(
        {
            "database": one.database,
            "user": one.user,
            "application": one.name,
            "client_connections": one.clients,
            "served_connections": one.served,
            "waiting_connections": one.waiting,
            "unused_connections": one.unused,
            "longest_idle_ms": one.longest_idle_seconds * 1000,
            "most_prepared_statements": one.most_prepared,
        }
        for one in load.applications
    )
    more = len(rows) - SHOWN_APPLICATIONS
    footer = f"{more} more (--format json or csv lists them)" if more > 0 else ""
    return replace(APPLICATIONS, rows=rows, shown=min(len(rows), SHOWN_APPLICATIONS), footer=footer)


def predicted_wait(load: PoolerLoad, pool: Pool, variance: float) -> Wait | None:
    """The wait before a pool by the model; ``None`` where it is too full to tell, or no size."""
    traffic, size = load.traffic_of(pool), load.size_of(pool)
    if traffic is None or not traffic.transactions or not size or not load.pools.count:
        return None
    offered = pool.servers_active / load.pools.count
    if offered >= SATURATED * size:
        return None
    return waiting(offered, traffic.held_ms / traffic.transactions, size, variance)


def cut_off(load: PoolerLoad) -> bool:
    """Whether clients wait in front of every pool that is used, because all of it is lent."""
    looks = load.pools.count
    used = [one for one in load.pools.pools if one.servers_active]
    return bool(looks and used) and all(
        one.clients_waiting >= looks
        and one.servers_active >= SATURATED * looks * (load.size_of(one) or 1)
        for one in used
    )


def _rate(load: PoolerLoad, error: float) -> Estimate | None:
    if load.seconds:
        rate = sum(one.transactions / one.seconds for one in load.traffic if one.seconds)
        return Estimate(rate, rate * max(0.0, 1 - error), rate * (1 + error))
    recent = [one.recent_per_second for one in load.traffic if one.recent_per_second]
    return Estimate(sum(recent)) if recent else None


def _of_looks(load: PoolerLoad) -> dict[str, Quantity]:
    looks = load.pools
    if looks.count < 2 or not any(looks.active):
        return {}
    if any(one.mode == "session" and one.servers_active for one in looks.pools):
        return {}  # lent for a session is not busy
    source = f"PgBouncer, {looks.count:,} looks at SHOW POOLS"
    busy = series.mean(looks.active)
    # Those who wait would be at work if they could: what is needed is more than what is lent.
    asking = series.mean(
        [lent + queue for lent, queue in zip(looks.active, looks.waiting, strict=True)]
    )
    if busy.high is not None and asking.high is not None and any(looks.waiting):
        busy = busy._replace(high=max(busy.high, asking.high))
    found = {
        "busy": Quantity(busy, source),
        "busy_p95": Quantity(series.quantile(looks.active, 0.95), source),
    }
    window = max(1, round(1 / looks.every_seconds)) if looks.every_seconds else 1
    if looks.count >= FEWEST_WINDOWS * window:
        found["busy_peak"] = Quantity(series.peak(looks.active, window), source)
    return found


def _rows(load: PoolerLoad, plan: PoolPlan) -> Iterator[Row]:
    count = max(1, load.pools.count)
    for pool in load.pools.pools:
        traffic = load.traffic_of(pool)
        there = traffic is not None and traffic.transactions > 0
        wait = predicted_wait(load, pool, plan.inputs.variance)
        yield {
            "database": pool.database,
            "user": pool.user,
            "mode": pool.mode,
            "pool_size": load.size_of(pool),
            "active_connections": pool.servers_active / count,
            "most_active_connections": pool.most_active,
            "waiting_connections": pool.clients_waiting / count,
            "longest_wait_ms": pool.longest_wait_ms,
            "wait_mean_ms": traffic.wait_ms / traffic.transactions if traffic and there else None,
            "predicted_wait_mean_ms": None if wait is None else wait.mean_ms,
            "needed_connections": _needed(pool, load, plan),
        }


def _needed(pool: Pool, load: PoolerLoad, plan: PoolPlan) -> int | None:
    traffic, target = load.traffic_of(pool), plan.demand.target_ms if plan.demand else None
    if traffic is None or not traffic.transactions or target is None or not pool.servers_active:
        return None
    if plan.setting.by_locks:
        return None
    offered = pool.servers_active / load.pools.count * plan.inputs.peak_factor
    hold = traffic.held_ms / traffic.transactions
    size = smallest_pool(offered, hold, target, variance=plan.inputs.variance)
    return None if size is None else max(size, round_up(offered / BUSIEST))
