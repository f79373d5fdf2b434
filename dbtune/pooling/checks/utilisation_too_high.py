"""Pool or CPUs are too busy for the waits to be predictable."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.inputs import round_up
from dbtune.pooling.model import PoolPlan
from dbtune.text import count_text, ratio_text


@check("pool.utilisation-too-high", level=Level.warning, confidence=Confidence.estimated)
def utilisation_too_high(
    plan: PoolPlan, *, most_pool_ratio: float = 0.9, most_cpu_ratio: float = 0.8
) -> Iterator[Finding]:
    """The pool or the server's CPUs are so busy at the peak that a small burst makes long queues.

    Why: Waits grow with 1/(1 − utilisation). Above 90 % of the pool a few per cent more load double
    them; above 80 % of the CPUs every query becomes slower, which makes the pool busier in turn.

    Mistaken when: The peak factor already contains a reserve.

    Remedy: Shorten the hold time, move load away, or add CPUs.
    """
    demand, size, pools = plan.demand, plan.pool_size, plan.setting.pools
    if demand is None or size is None or pools is None:
        return
    if plan.utilisation is not None and plan.utilisation > most_pool_ratio:
        hold = most_pool_ratio * pools * size / demand.per_second * 1000
        yield Finding(
            "connection pool",
            f"{ratio_text(plan.utilisation)} of the pool is busy at the peak"
            f" ({count_text(demand.busy_peak / pools)} of {size})",
            Remedy(
                f"Bring the hold time under {count_text(hold)} ms; the size is bounded by:"
                f" {plan.constraint}."
            ),
            {"utilisation_ratio": plan.utilisation, "pool_size": size},
        )
    busy, cpus, used = plan.setting.cpus_busy, plan.inputs.cpus, plan.cpu_utilisation
    if busy is not None and cpus is not None and used is not None and used > most_cpu_ratio:
        yield Finding(
            "server CPUs",
            f"{ratio_text(used)} of {count_text(cpus)} CPUs are busy at the peak; the waits above"
            " take hold times for constant, so they'll be longer",
            Remedy(
                "Cut CPU time (dbtune slow-queries), or run"
                f" {round_up(busy / most_cpu_ratio)} CPUs."
            ),
            {"cpu_utilisation_ratio": used, "cpus_busy": busy, "cpus": cpus},
        )
