"""The load is more than the server's CPUs or the application's threads can carry."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.demand import BUSIEST
from dbtune.pooling.inputs import round_up
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.sizing import Shortage
from dbtune.text import count_text, ms_text, ratio_text


@check("pool.demand-over-capacity", level=Level.critical, confidence=Confidence.estimated)
def demand_over_capacity(plan: PoolPlan) -> Iterator[Finding]:
    """The load is more than CPUs or application threads can carry.

    Why: Work that comes in faster than it can be done waits in a queue that only grows. A larger
    pool moves the queue into the database, where it makes everything slower; no pool size works.

    Mistaken when: The hold time was measured on an overloaded server, so that it contains waiting
    for the CPU, or the rate contains requests that don't use the database.

    Remedy: Shorten the time that a request holds a connection, spread the load, or add what is
    short.
    """
    demand, inputs = plan.demand, plan.inputs
    if demand is None:
        return
    if Shortage.cpus in plan.shortages:
        yield _by_cpu_time(plan) if inputs.wait_share is not None else _by_cap(plan)
    if Shortage.threads in plan.shortages:
        threads = plan.setting.concurrency or 0
        longest = BUSIEST * threads / demand.per_second * 1000
        yield Finding(
            "application threads",
            f"{count_text(demand.busy_peak)} requests would be in the database at once, but the"
            f" application has {threads} threads",
            Remedy(
                f"Run at least {round_up(demand.busy_peak / BUSIEST)} threads in all, or shorten"
                f" the hold time to {ms_text(longest)}; if the application runs well as it is, the"
                " rate or the hold time given is too high."
            ),
            {"busy_connections": demand.busy_peak, "threads": threads},
        )


def _by_cpu_time(plan: PoolPlan) -> Finding:
    demand, cpus, busy = plan.demand, plan.inputs.cpus, plan.setting.cpus_busy
    assert demand is not None
    assert cpus is not None
    assert busy is not None
    if _measured(plan) and busy / plan.inputs.peak_factor > cpus:
        return _saturated(plan)
    each_ms = busy / demand.per_second * 1000
    most_ms = BUSIEST * cpus / demand.per_second * 1000
    return Finding(
        "server CPUs",
        f"{count_text(demand.per_second)}/s × {ms_text(each_ms)} of CPU time each would keep"
        f" {count_text(busy)} CPUs busy; the server has {count_text(cpus)}",
        Remedy(
            f"Cut the CPU time of a request to {ms_text(most_ms)} (dbtune slow-queries and"
            f" suggest-indexes show where it goes), move reads to replicas, or run"
            f" {round_up(busy / BUSIEST)} CPUs."
        ),
        {"cpus_busy": busy, "cpus": cpus, "requests_per_second": demand.per_second},
    )


def _measured(plan: PoolPlan) -> bool:
    """Whether the CPU time was seen on the server, not given."""
    given = {"given", "--wait-share", "--hold-time", "--rps"}
    names = ("wait_share", "hold_time_ms", "requests_per_second")
    return all(plan.inputs.origin(name) not in given for name in names)


def _saturated(plan: PoolPlan) -> Finding:
    """More processes wanted a CPU than there are: what they waited looks like CPU time."""
    cpus, busy = plan.inputs.cpus, plan.setting.cpus_busy
    assert cpus is not None
    assert busy is not None
    wanted, peak = busy / plan.inputs.peak_factor, plan.inputs.peak_factor
    least = f" and more than {round_up(cpus * peak)} at the peak" if peak > 1 else ""
    return Finding(
        "server CPUs",
        f"{count_text(wanted)} processes ran or wanted to run on average, on {count_text(cpus)}"
        " CPUs: these are saturated, and how much CPU time a request needs can't be told from that",
        Remedy(
            "See first whether something else on the machine takes the CPUs. If not, cut the CPU"
            " time of requests (dbtune slow-queries and suggest-indexes show where it goes), move"
            f" reads to replicas, or run more than {count_text(cpus)} CPUs{least}; then measure"
            " again."
        ),
        {"processes_wanting_cpu": wanted, "cpus": cpus},
    )


def _by_cap(plan: PoolPlan) -> Finding:
    demand, cpus, parallelism = plan.demand, plan.inputs.cpus, plan.parallelism
    assert demand is not None
    assert cpus is not None
    assert parallelism is not None
    share = 1 - BUSIEST * cpus / demand.busy_peak
    return Finding(
        "server CPUs",
        f"{count_text(demand.busy_peak)} connections would be busy at once; {count_text(cpus)} CPUs"
        f" serve {parallelism.cap} as far as is known",
        Remedy(
            f"If at least {ratio_text(share)} of the hold time is waiting (I/O, locks, the client),"
            f" say so with --wait-share; dbtune measures it when given a target. If not, the hold"
            f" time must fall, or the server needs"
            f" {round_up(demand.busy_peak / BUSIEST / 4)} CPUs or more."
        ),
        {
            "busy_connections": demand.busy_peak,
            "cap_connections": parallelism.cap,
            "cpus": cpus,
            "wait_share_ratio": share,
        },
    )
