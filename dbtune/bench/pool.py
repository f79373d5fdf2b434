"""Sizes to try, and what a sweep of them says: pure functions over what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dbtune.bench.estimate import Estimate, estimate

ENOUGH = 0.95
"""Share of the best throughput that a size has to reach."""
NEAR = 1.05
"""Times of two sizes that differ by less are the same: the smaller size is taken."""
_APART = 1.3
"""Sizes of the grid that are closer to another than this are not worth a measurement."""
_DEFAULTS = {"PgBouncer's default": 20, "constant 64": 64, "constant 100": 100}


class Load(NamedTuple):
    """What one run of the clients came to.

    Attributes:
        per_second: transactions per second.
        p50_ms, p95_ms, p99_ms: of the clients' times, the wait for a connection included.
        client_cpus, pooler_cpus: CPUs that the load generator and PgBouncer kept busy; ``None``
            where this system does not tell.
    """

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    client_cpus: float | None = None
    pooler_cpus: float | None = None


class Size(NamedTuple):
    """A pool size and what its rounds came to.

    Attributes:
        rates: transactions per second of each round.
    """

    size: int
    rates: tuple[float, ...]
    per_second: Estimate
    p50_ms: Estimate
    p95_ms: Estimate
    p99_ms: Estimate


def rules(cpus: float | None) -> dict[str, int]:
    """Sizes that simple formulas give: HikariCP's and the wiki's, PgBouncer's, constants."""
    by_cpus = {} if cpus is None else {"HikariCP, wiki: 2 · CPUs + 1": math.ceil(2 * cpus + 1)}
    return by_cpus | _DEFAULTS


def sizes_to_try(predicted: int | None, formulas: Iterable[int], most: int) -> list[int]:
    """Sizes around the predicted one, by factors of two, and those of formulas.

    Args:
        predicted: by ``pool-size``; ``None`` if it could not tell.
        formulas: sizes that are measured whatever is near them.
        most: no size is larger: neither clients nor the server would fill it.
    """
    fixed = {min(size, most) for size in (*formulas, *([predicted] if predicted else []))}
    middle = predicted or max(1, round(math.sqrt(most)))
    grid = (middle * 2.0**power for power in (-3, -2, -1, 1, 2, 0))
    chosen = sorted(fixed) if fixed else [min(middle, most)]
    for wish in (min(most, max(1, round(size))) for size in grid):
        if all(max(wish, one) / min(wish, one) >= _APART for one in chosen):
            chosen = sorted([*chosen, wish])
    return chosen


def summarise(runs: Mapping[int, Sequence[Load]]) -> list[Size]:
    """Estimates of each size, smallest size first."""
    return [
        Size(
            size,
            rates := tuple(one.per_second for one in loads),
            estimate(rates),
            estimate([one.p50_ms for one in loads]),
            estimate([one.p95_ms for one in loads]),
            estimate([one.p99_ms for one in loads]),
        )
        for size, loads in sorted(runs.items())
    ]


def best_throughput(sizes: Sequence[Size]) -> float:
    """Transactions per second of the best size."""
    return max(one.per_second.mean for one in sizes)


def choose(sizes: Sequence[Size]) -> Size:
    """Of the sizes that reach 95 % of the best throughput, the one with the lowest p95.

    Where others are within 5 % of that p95, the smallest of them: a connection costs the server
    memory, whether or not it makes anything faster.
    """
    enough = best_throughput(sizes) * ENOUGH
    good = [one for one in sizes if one.per_second.mean >= enough]
    lowest = min(one.p95_ms.mean for one in good)
    return min((one for one in good if one.p95_ms.mean <= lowest * NEAR), key=lambda one: one.size)


def lowest_p95(sizes: Sequence[Size]) -> float:
    """The lowest p95 of all sizes, whatever their throughput."""
    return min(one.p95_ms.mean for one in sizes)


def alike(one: Size, other: Size) -> bool:
    """Whether their throughputs can't be told apart: round by round, the ratio may as well be 1."""
    ratios = [a / b for a, b in zip(one.rates, other.rates, strict=True) if b]
    if len(ratios) < 2:
        return True
    found = estimate(ratios)
    return (found.low or 0) <= 1 <= (found.high or 0)
