"""Requests wait longer for a connection than they should."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.demand import Demand
from dbtune.pooling.model import PoolPlan, connections_needed
from dbtune.pooling.queueing import smallest_pool
from dbtune.pooling.sizing import Constraint
from dbtune.text import ms_text, plural


@check("pool.wait-over-target", level=Level.warning, confidence=Confidence.estimated)
def wait_over_target(plan: PoolPlan) -> Iterator[Finding]:
    """At the largest size that works, requests wait longer for a connection than the target.

    Why: The wait adds to every response, and grows steeply with the load from here on.

    Mistaken when: Requests come more evenly than at random (a queue worker, a load balancer that
    limits concurrency); then waits are shorter.

    Remedy: Shorten the hold time, or lift what bounds the size.
    """
    demand, size, wait, pools = plan.demand, plan.pool_size, plan.wait, plan.setting.pools
    if demand is None or size is None or wait is None or pools is None:
        return
    if wait.p95_ms <= demand.target_ms:
        return
    hold = longest_hold(demand, pools, size)
    yield Finding(
        "connection pool",
        f"5 % of requests would wait longer than {ms_text(wait.p95_ms)} for a connection, with"
        f" {plural(size, 'connection')} per pool; the target is {ms_text(demand.target_ms)}",
        Remedy(
            f"Shorten the hold time to {ms_text(hold)}, {_or_else(plan)},"
            f" or accept it with --target-wait."
        ),
        {
            "wait_p95_ms": wait.p95_ms,
            "target_wait_ms": demand.target_ms,
            "pool_size": size,
            "needed_pool_size": demand.needed(pools),
            "constraint": plan.constraint.value,
        },
    )


def longest_hold(demand: Demand, pools: int, size: int) -> float:
    """The longest hold time, in ms, at which a pool of this size meets the target."""
    low, high = 0.0, demand.hold_ms
    for _ in range(40):  # halves the interval: exact to 1e-12 of the hold time
        hold = (low + high) / 2
        offered = demand.per_second * hold / 1000 / pools
        needed = smallest_pool(offered, hold, demand.target_ms, variance=demand.variance)
        if needed is not None and needed <= size:
            low = hold
        else:
            high = hold
    return low


def _or_else(plan: PoolPlan) -> str:
    demand, pools, peak_pools = plan.demand, plan.setting.pools, plan.setting.peak_pools
    assert demand is not None
    needed = demand.needed(pools or 1) or 0
    if plan.constraint is Constraint.threads:
        return f"run {needed} threads in each process"
    if plan.constraint is Constraint.server and peak_pools is not None:
        total = connections_needed(plan.inputs, peak_pools, needed)
        return f"set max_connections to {total:,} (a restart)"
    return "give the server more CPUs (more connections on these would make it slower)"
