"""Connections for pools that have unequal parts of a load."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dbtune.pooling.model import PoolPlan


def split(plan: PoolPlan, shares: Sequence[float]) -> list[int]:
    """Sizes for as many pools as the plan has equal ones, by their parts of the load.

    Each pool of load a gets a + b * sqrt(a) (square-root staffing, Halfin and Whitt 1981), so that
    small pools don't wait longer than large ones. By Cauchy and Schwarz the sum is at most that of
    equal pools with the same b. Where the load is not known, it is by share alone.
    """
    size, count = plan.pool_size or 1, len(shares)
    parts = [share / sum(shares) for share in shares]
    if len(set(shares)) == 1:
        return [size] * count
    most = size * count
    if plan.demand is None:
        needs, least = [most * part for part in parts], [1] * count
    else:
        offered = plan.demand.busy_peak / (plan.inputs.poolers * plan.inputs.users)
        mean = offered / count
        room = (size - mean) / math.sqrt(mean)
        needs = [offered * part + room * math.sqrt(offered * part) for part in parts]
        least = [int(offered * part) + 1 for part in parts]
    sizes = [max(low, int(need)) for low, need in zip(least, needs, strict=True)]
    most = min(most, sum(max(low, math.ceil(n)) for low, n in zip(least, needs, strict=True)))
    by_rest = sorted(range(count), key=lambda place: sizes[place] - needs[place])
    for place in by_rest:
        if sum(sizes) < most and sizes[place] < needs[place]:
            sizes[place] += 1
    while sum(sizes) > most:
        spare = [place for place in range(count) if sizes[place] > least[place]]
        if not spare:
            break
        sizes[max(spare, key=lambda place: sizes[place] - needs[place])] -= 1
    return sizes
