"""The next application instance will not get its connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.model import PoolPlan, derive


@check("pool.no-room-for-one-more-instance", level=Level.warning, confidence=Confidence.estimated)
def no_room_for_one_more_instance(plan: PoolPlan) -> Iterator[Finding]:
    """One more application instance with these pools would exceed the server's connections.

    Why: Autoscaling adds instances when the load is high; then connections run out for all of them
    and for the administrator.

    Mistaken when: The number of instances is fixed and deploys stop the old before the new start.

    Remedy: Smaller application pools, or PgBouncer, where the number of instances doesn't matter.
    """
    size, limits, inputs = plan.pool_size, plan.limits, plan.inputs
    if inputs.pooler or size is None or limits is None or inputs.instances is None:
        return
    more = pools_with_one_more(plan)
    if more * size <= limits.usable:
        return
    most = limits.usable // more
    smaller = f"Set the application pools to {most} per process, or put" if most else "Put"
    yield Finding(
        "application pools",
        f"{more:,} processes × {size} connections = {more * size:,}; the server has"
        f" {limits.usable:,} to give",
        Remedy(f"{smaller} PgBouncer in between."),
        {"connections": more * size, "usable_connections": limits.usable, "pool_size": size},
    )


def pools_with_one_more(planned: PoolPlan) -> int:
    """Application processes with one more instance, a rolling deploy included."""
    instances = planned.inputs.instances or 0
    return derive(replace(planned.inputs, instances=instances + 1)).setting.peak_pools or 0
