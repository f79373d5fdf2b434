"""Separate pools need many more connections than a shared one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.sizing import Shortage


@check("pool.wide-app-pools", level=Level.warning, confidence=Confidence.estimated)
def wide_app_pools(plan: PoolPlan) -> Iterator[Finding]:
    """Without a pooler, each process's slack adds up to more connections than the server can use.

    Why: A process cannot lend its idle connections to another, so each needs slack of its own. In a
    burst or when the database stalls all of them fill, and the server works on far more
    transactions at once than its CPUs serve well.

    Mistaken when: Processes take turns, as cron jobs or blue/green halves do.

    Remedy: One PgBouncer in transaction mode shares one small pool among all processes.
    """
    demand, setting = plan.demand, plan.setting
    pools, peak_pools = setting.pools, setting.peak_pools
    if plan.inputs.pooler or demand is None or pools is None or peak_pools is None:
        return
    if Shortage.server in plan.shortages or Shortage.cpus in plan.shortages or pools == 1:
        return
    each = demand.needed(pools)
    if each is None:
        return
    bounds = []
    if plan.limits is not None:
        bounds.append((plan.limits.budget, f"the server's budget has {plan.limits.budget:,}"))
    if plan.parallelism is not None:
        bounds.append((plan.parallelism.cap, f"its CPUs serve {plan.parallelism.cap:,} well"))
    exceeded = [one for one in bounds if one[0] < peak_pools * each]
    if not exceeded:
        return
    bound, has = min(exceeded)
    shared = shared_size(plan)
    yield Finding(
        "application pools",
        f"{peak_pools:,} processes × {each} connections, which the wait target asks for, can open"
        f" {peak_pools * each:,}; {has}",
        Remedy(
            "Put PgBouncer in transaction mode in between"
            + (f": a shared pool of {shared} does the same work" if shared is not None else "")
            + " (dbtune gen-config pgbouncer)."
        ),
        {
            "processes": peak_pools,
            "connections_per_process": each,
            "connections": peak_pools * each,
            "bound_connections": bound,
            "shared_pool_size": shared,
        },
    )


def shared_size(planned: PoolPlan) -> int | None:
    """The size of one PgBouncer pool for the same load."""
    return derive(replace(planned.inputs, pooler=True)).pool_size
