"""Means, quantiles and peaks of a series of looks, each with its interval of error.

Looks that follow each other closely are alike, so they are no independent draws: means are judged
by the means of batches, which nearly are (A. M. Law, Simulation Modeling and Analysis, 9.5.3), and
what likeness is left between neighbouring batches widens the interval. All intervals are of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from statistics import NormalDist, fmean, pvariance, variance
from typing import NamedTuple

BATCHES = 20
"""Most batches that a series is cut into."""
FEWEST_BATCHES = 5
"""From fewer looks no interval is told."""
MOST_LIKENESS = 0.9
"""Correlation of neighbouring batches that is still corrected for: it widens by 4.4."""
RESAMPLES = 200
_Z95 = 1.96


class Estimate(NamedTuple):
    """A measured number and the interval that holds the true one with 95 % confidence.

    Attributes:
        value: what was measured.
        low, high: the interval; ``None`` where too little was seen to tell.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def relative_error(self) -> float:
        """Half of the interval as a share of the value; 0 if there is none."""
        if self.low is None or self.high is None or not self.value:
            return 0.0
        return (self.high - self.low) / 2 / self.value

    def scaled(self, factor: float) -> Estimate:
        """Everything times a factor that is known exactly."""
        ends = (None if end is None else end * factor for end in (self.low, self.high))
        return Estimate(self.value * factor, *ends)

    def over(self, other: Estimate) -> Estimate:
        """The quotient; relative errors of independent numbers add up squared."""
        value = self.value / other.value
        if self.low is None or other.low is None:
            return Estimate(value)
        error = math.hypot(self.relative_error, other.relative_error)
        return Estimate(value, max(0.0, value * (1 - error)), value * (1 + error))


def mean(series: Sequence[float]) -> Estimate:
    """The mean, by batches.

    Raises:
        ValueError: the series is empty.
    """
    return ratio(series, [1.0] * len(series))


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """The sum of one series over the sum of another, by batches (the ratio estimator).

    Raises:
        ValueError: the second adds up to nothing.
    """
    total = sum(denominators)
    if not total:
        raise ValueError("nothing to divide by")
    value = sum(numerators) / total
    batches = list(zip(_batches(numerators), _batches(denominators), strict=True))
    if len(batches) < FEWEST_BATCHES:
        return Estimate(value)
    each = total / len(batches)
    residues = [(sum(above) - value * sum(below)) / each for above, below in batches]
    error = _error_of_mean(residues)
    return Estimate(value, max(0.0, value - error), value + error)


def quantile(series: Sequence[float], share: float) -> Estimate:
    """The value that ``share`` of the looks do not exceed, by resampling whole batches.

    The same series gives the same interval: chance has a fixed seed.
    """
    value = _quantile(sorted(series), share)
    batches = _batches(series)
    if len(batches) < FEWEST_BATCHES:
        return Estimate(value)
    random = Random(1)  # noqa: S311 # no secret
    found = sorted(
        _quantile(
            sorted(one for batch in random.choices(batches, k=len(batches)) for one in batch), share
        )
        for _ in range(RESAMPLES)
    )
    return Estimate(value, min(value, _quantile(found, 0.025)), max(value, _quantile(found, 0.975)))


def peak(series: Sequence[float], window: int) -> Estimate:
    """The largest mean of ``window`` looks in a row.

    What was not looked at can have been higher. The upper end is what one more window stays below
    (a prediction interval, 97.5 %), the lower what this one was at least, looks being so far apart.
    """
    windows = [
        series[start : start + window] for start in range(0, len(series) - window + 1, window)
    ]
    if not windows:
        return Estimate(max(series))
    means = [fmean(one) for one in windows]
    value = max(means)
    if len(means) < FEWEST_BATCHES:
        return Estimate(value)
    within = fmean(pvariance(one) for one in windows)
    blur = _Z95 * math.sqrt(within / window)
    spread = math.sqrt(variance(means) * (1 + 1 / len(means)))
    next_one = fmean(means) + student(len(means) - 1) * spread
    return Estimate(value, max(fmean(means), value - blur), max(value, next_one))


def student(freedom: int) -> float:
    """Student's t that 97.5 % stay below (Abramowitz and Stegun 26.7.5; 0.2 % off from 5 on)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / float(freedom) ** power for power, term in enumerate(terms))


def _error_of_mean(values: Sequence[float]) -> float:
    """Half of the interval of the mean of batches; neighbours that are alike make it wider."""
    spread = variance(values)
    if not spread:
        return 0.0
    middle = fmean(values)
    along = sum((one - middle) * (other - middle) for one, other in pairwise(values))
    likeness = min(MOST_LIKENESS, max(0.0, along / (spread * (len(values) - 1))))
    widened = spread * (1 + likeness) / (1 - likeness)
    return student(len(values) - 1) * math.sqrt(widened / len(values))


def _batches(series: Sequence[float]) -> list[Sequence[float]]:
    count = min(BATCHES, len(series))
    edges = [round(place * len(series) / count) for place in range(count + 1)] if count else [0]
    return [series[start:end] for start, end in pairwise(edges)]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
