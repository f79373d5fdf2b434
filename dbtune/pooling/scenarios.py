"""What happens to the planned sizes when the world changes: one more instance, twice the load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.queueing import Wait
from dbtune.text import ms_text, plural


class Scenario(NamedTuple):
    """The planned sizes under other circumstances.

    Attributes:
        name: the circumstances.
        then: a plan made for the circumstances: what would be needed.
        pool_size: size of each pool as planned before: what there is.
        utilisation: share of the pools that is busy; 1 or more is too much.
        wait: for a connection; ``None`` when unknown or unbounded.
        server_connections: most server connections that the application can open.
        verdict: what that means, a few words.
        holds: nothing has to be changed.
    """

    name: str
    then: PoolPlan
    pool_size: int
    utilisation: float | None
    wait: Wait | None
    server_connections: int
    verdict: str
    holds: bool


def scenarios(planned: PoolPlan) -> tuple[Scenario, ...]:
    """The plan as it is, with one more instance, at twice the load; nothing without a size."""
    if planned.pool_size is None:
        return ()
    inputs = planned.inputs
    changes = [("as given", inputs)]
    if inputs.instances is not None:
        changes.append(("one more instance", replace(inputs, instances=inputs.instances + 1)))
    if inputs.requests_per_second is not None:
        doubled = replace(inputs, requests_per_second=2 * inputs.requests_per_second)
        changes.append(("twice the load", doubled))
    return tuple(_scenario(name, derive(changed), planned) for name, changed in changes)


def _scenario(name: str, then: PoolPlan, planned: PoolPlan) -> Scenario:
    pools, peak_pools, size = then.setting.pools, then.setting.peak_pools, planned.pool_size
    assert pools is not None  # a planned size has pools
    assert peak_pools is not None
    assert size is not None
    utilisation = wait = None
    if then.demand is not None and not then.setting.by_locks:
        utilisation = then.demand.busy_peak / pools / size
        wait = then.demand.wait(size, pools)
    connections = peak_pools * (size + (planned.reserve_pool_size or 0))
    troubles = list(_troubles(then, utilisation, wait, connections))
    verdict = "; ".join(troubles) or "holds"
    if troubles and then.pool_size is not None and then.pool_size > size:
        verdict += f"; needs {then.pool_size}"
    return Scenario(name, then, size, utilisation, wait, connections, verdict, holds=not troubles)


def _troubles(
    then: PoolPlan, utilisation: float | None, wait: Wait | None, connections: int
) -> Iterator[str]:
    if then.limits is not None and connections > then.limits.usable:
        over = connections - then.limits.usable
        yield f"{plural(over, 'connection')} more than the server has"
    if then.shortages:
        yield from sorted(then.shortages)
    elif then.setting.by_locks:
        yield "waits are for locks, whatever the size"
    elif utilisation is not None and wait is None:
        yield "the queue grows without bound"
    elif wait is not None and then.demand is not None and wait.p95_ms > then.demand.target_ms:
        yield f"p95 over the target of {ms_text(then.demand.target_ms)}"
