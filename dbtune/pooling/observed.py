"""From an observed load to a plan: what was measured fills in what options leave open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product

from dbtune.finding import Skipped
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.load import Load
from dbtune.pooling.measured import (
    Known,
    Quantities,
    Quantity,
    balanced_of,
    contended_of,
    known_of,
    of_load,
)
from dbtune.pooling.measured_pooler import cut_off, of_pooler
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.pooler import PoolerLoad

MEASURED = ("requests_per_second", "hold_time_ms", "wait_share")
"""Inputs that an observation gives; with all of them from options there is nothing to observe."""
DEMAND = frozenset(("busy", "busy_p95", "busy_peak", "per_second", "hold_ms"))
"""Quantities of which a pooler tells its own."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed, and the plan that follows.

    Attributes:
        plan: sizes for the measured values.
        load: the server's; ``None`` if only a PgBouncer was looked at.
        pooler: that of a PgBouncer before it, or ``None``.
        measured: whether loads count, and not only what the server allows.
        quantities: what was measured, by name; PgBouncer's count wins where there are two.
        skipped: what could not be, and why.
    """

    plan: PoolPlan
    load: Load | None
    pooler: PoolerLoad | None = None
    measured: bool = True
    quantities: Quantities = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    @property
    def size_range(self) -> tuple[int, int] | None:
        """The pool's size at the ends of what was measured; ``None`` if there is no interval."""
        return size_range(self.plan, self.quantities)


def plan_on(
    given: PoolInputs,
    about: Known,
    load: Load | None,
    pooler: PoolerLoad | None = None,
    *,
    measured: bool = True,
) -> Observed:
    """A plan for a server, for a PgBouncer, or for both together.

    Args:
        given: what options say; only values with an origin count, and they win.
        about: what the profile says; it wins over what was read.
        load: what was observed of the server.
        pooler: what was observed of the PgBouncer before it.
        measured: whether loads count, and not only what the server allows.

    Raises:
        UsageError: a value is impossible.
    """
    options: Known = {
        name: (getattr(given, name), origin) for name, origin in given.origins.items()
    }
    quantities, skipped = _quantities(load, pooler) if measured else ({}, ())
    # The least trusted first: what follows wins.
    known = (of_server(load) if load else {}) | known_of(quantities) | about | options
    if "requests_per_second" in options and "peak_factor" not in options:
        known.pop("peak_factor", None)
    if measured and load is not None and "wait_share" in quantities and "wait_share" not in options:
        cpus = known["cpus"][0] if "cpus" in known else None
        source = quantities["wait_share"].source
        if (balanced := balanced_of(load, cpus)) is not None:
            known["balanced"] = (balanced, source)
        if (contended := contended_of(load)) is not None:
            queued = pooler is not None and cut_off(pooler)
            known["contended"] = (contended._replace(queued=queued), source)
    inputs = PoolInputs(
        **{name: value for name, (value, _) in known.items()},
        origins={name: origin for name, (_, origin) in known.items()},
    )
    return Observed(derive(inputs), load, pooler, measured, quantities, skipped)


def _quantities(
    load: Load | None, pooler: PoolerLoad | None
) -> tuple[dict[str, Quantity], tuple[Skipped, ...]]:
    """What both say: of the demand PgBouncer, of the use of time the server."""
    found: dict[str, Quantity] = {}
    skipped: tuple[Skipped, ...] = ()
    if load is not None:
        seen, skipped = of_load(load)
        found |= seen
    if pooler is None:
        return found, skipped
    spread = found.get("variance")
    through, more = of_pooler(pooler, spread.estimate.value if spread else 1.0)
    if through:
        # What goes past it is not its pools' demand.
        found = {name: one for name, one in found.items() if name not in DEMAND}
        skipped = tuple(one for one in skipped if one.what not in ("demand", "hold time"))
    return found | dict(through), skipped + more


def of_server(load: Load) -> Known:
    """What the server allows, and the CPUs it has."""
    known: Known = {name: (value, "the server") for name, value in load.room._asdict().items()}
    if load.cpus is not None:
        known["cpus"] = (load.cpus, load.cpus_from)
    return known


def size_range(plan: PoolPlan, quantities: Quantities) -> tuple[int, int] | None:
    """The smallest and largest size that the intervals of what was measured lead to.

    The rate stands for the busy connections: both ends of their interval are tried with both ends
    of the share of waiting. An end at which no size works does not count; the findings tell.
    """
    inputs = plan.inputs
    measured = {
        name: inputs.origins.get(name) == quantities[quantity].source
        for name, quantity in (("requests_per_second", "per_second"), ("hold_time_ms", "hold_ms"))
        if quantity in quantities
    }
    busy = quantities.get("busy_peak") or quantities.get("busy")
    if plan.pool_size is None or busy is None or len(measured) < 2 or not all(measured.values()):
        return None
    value, low, high = busy.estimate
    if low is None or high is None or not value or inputs.requests_per_second is None:
        return None
    shares: list[float | None] = [inputs.wait_share]
    waiting = quantities.get("wait_share")
    if waiting is not None and inputs.origins.get("wait_share") == waiting.source:
        shares += [end for end in waiting.estimate[1:] if end is not None]
    sizes = [plan.pool_size]
    for end, share in product((low, high), shares):
        rate = max(inputs.requests_per_second * end / value, 1e-6)
        balanced = inputs.balanced
        if balanced is not None and share is not None and inputs.wait_share is not None:
            balanced *= (1 - inputs.wait_share) / (1 - share)
        other = derive(
            replace(inputs, requests_per_second=rate, wait_share=share, balanced=balanced)
        )
        if other.pool_size is not None:
            sizes.append(other.pool_size)
    return min(sizes), max(sizes)
