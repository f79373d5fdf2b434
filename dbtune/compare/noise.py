"""Telling a change from chance: Welch's test on means, ratios with their error, index numbers.

Executions of a statement are no independent draws: caches, checkpoints and other load make good
minutes and bad ones. A test that takes them for independent is too sure of itself, so nothing here
is called a change for being significant alone; it has to be large enough to matter as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MIN_CALLS = 5
"""From fewer executions no mean is judged."""
ALPHA = 0.001
"""Chance of a difference where there is none, over all statements of a comparison together."""
MIN_RATIO = 1.2
"""Means closer together than this are called the same: machines vary by that from hour to hour."""


class Verdict(StrEnum):
    """What became of a number."""

    better = "better"
    worse = "worse"
    same = "no difference"
    unknown = "can't tell"

    @property
    def mirrored(self) -> Verdict:
        """What it is with before and after swapped."""
        return {Verdict.better: Verdict.worse, Verdict.worse: Verdict.better}.get(self, self)


class Sample(NamedTuple):
    """Executions of a statement in one period.

    Attributes:
        calls: how many.
        mean: of their times.
        stddev: population standard deviation of those; ``None`` if the source does not tell.
    """

    calls: float
    mean: float
    stddev: float | None = None

    @property
    def variance_of_mean(self) -> float | None:
        """The squared standard error of the mean."""
        if self.stddev is None or self.calls < 2:
            return None
        # The population's variance over n - 1 is the sample's over n.
        return self.stddev**2 / (self.calls - 1)


@dataclass(frozen=True, slots=True)
class Shift:
    """The mean after, beside the mean before.

    Attributes:
        ratio: after / before; ``None`` if one of them is 0.
        p: chance of a difference of at least this size without cause; ``None`` if not known.
        low, high: bounds of the ratio, 95 %; ``None`` if not known.
    """

    ratio: float | None
    p: float | None = None
    low: float | None = None
    high: float | None = None

    def verdict(self, *, alpha: float = ALPHA, min_ratio: float = MIN_RATIO) -> Verdict:
        """Worse is larger: as times are."""
        if self.ratio is None or self.p is None or self.low is None or self.high is None:
            return Verdict.unknown
        if self.p < alpha and self.ratio >= min_ratio:
            return Verdict.worse
        if self.p < alpha and self.ratio <= 1 / min_ratio:
            return Verdict.better
        within = self.low >= 1 / min_ratio and self.high <= min_ratio
        small = 1 / min_ratio < self.ratio < min_ratio
        return Verdict.same if within or (small and self.p < alpha) else Verdict.unknown


def shift(before: Sample, after: Sample) -> Shift:
    """Welch's test of two means, and the error of their ratio by the delta method.

    Welch (1947), The generalization of Student's problem when several different population
    variances are involved; degrees of freedom by Satterthwaite.
    """
    ratio = after.mean / before.mean if before.mean > 0 and after.mean > 0 else None
    first, second = before.variance_of_mean, after.variance_of_mean
    if first is None or second is None or min(before.calls, after.calls) < MIN_CALLS:
        return Shift(ratio)
    variance = first + second
    if variance == 0:
        p = 1.0 if before.mean == after.mean else 0.0
        return Shift(ratio, p, ratio, ratio)
    shares = first / variance, second / variance  # squares of tiny variances would be 0
    freedom = 1 / (shares[0] ** 2 / (before.calls - 1) + shares[1] ** 2 / (after.calls - 1))
    p = two_sided((after.mean - before.mean) / math.sqrt(variance), freedom)
    if ratio is None:
        return Shift(None, p)
    error = math.sqrt(first / before.mean**2 + second / after.mean**2)
    # Beyond e^20 either way there is nothing to tell apart.
    low, high = (ratio * math.exp(max(-20.0, min(20.0, way * 1.96 * error))) for way in (-1, 1))
    return Shift(ratio, p, low, high)


def two_sided(t: float, freedom: float) -> float:
    """Chance of a Student's t at least as far from 0.

    Abramowitz and Stegun 26.5.27: I(x; freedom/2, 1/2) with x = freedom / (freedom + t²).
    """
    if not math.isfinite(t):
        return 0.0
    if freedom > 1e6:
        return math.erfc(abs(t) / math.sqrt(2))
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return min(1.0, max(0.0, front / a * _fraction(x, a, b)))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + even * d, tiny)
        c = _not_zero(1 + even / c, tiny)
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _not_zero(1 + odd * d, tiny)
        c = _not_zero(1 + odd / c, tiny)
        step = c * d
        value *= step
        if abs(step - 1) < 1e-14:
            break
    return value


def _not_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


# ------------------------------------------------------------------------------- index numbers


class Item(NamedTuple):
    """What a statement costs in both periods, and how often it ran.

    Attributes:
        before, after: cost of a call.
        calls_before, calls_after: executions.
    """

    before: float
    after: float
    calls_before: float
    calls_after: float


def fisher_index(items: Iterable[Item]) -> float | None:
    """How much dearer the same work is, as the ratio of after to before.

    The geometric mean of both answers to "what if the mix of calls had been the other period's?"
    (Fisher 1922): swapping the periods inverts it. ``None`` without cost on both sides.
    """
    items = list(items)
    paasche = _ratio(items, lambda one: one.calls_after)
    laspeyres = _ratio(items, lambda one: one.calls_before)
    if paasche is None or laspeyres is None:
        return None
    return math.sqrt(paasche * laspeyres)


def _ratio(items: Sequence[Item], weight: Callable[[Item], float]) -> float | None:
    above = math.fsum(one.after * weight(one) for one in items)
    below = math.fsum(one.before * weight(one) for one in items)
    return above / below if above > 0 and below > 0 else None


def weighted_median(values: Sequence[tuple[float, float]]) -> float | None:
    """The value with half of the weight on either side; of two such, their mean.

    Args:
        values: values and their weights.
    """
    known = sorted((value, weight) for value, weight in values if weight > 0)
    half = math.fsum(weight for _, weight in known) / 2
    passed = 0.0
    for place, (value, weight) in enumerate(known):
        passed += weight
        if math.isclose(passed, half) and place + 1 < len(known):
            return (value + known[place + 1][0]) / 2
        if passed >= half:
            return value
    return None
