"""An estimate of a mean from a few rounds, with the interval that it lies in.

Within a round, measurements hang together (a checkpoint, a neighbour's job), so the round's own
figure is what counts as one observation: with so few of them the interval is Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
"""Student's t, two-sided 95 %, for 1 to 20 degrees of freedom (Student 1908; any table)."""
_Z95 = 1.960


class Estimate(NamedTuple):
    """A mean of rounds.

    Attributes:
        mean: of all rounds.
        low, high: 95 % confidence interval of the mean; ``None`` for a single round.
        rounds: how many there were.
    """

    mean: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def error_ratio(self) -> float | None:
        """Half the interval as a share of the mean; ``None`` where there is no interval."""
        if self.high is None or not self.mean:
            return None
        return (self.high - self.mean) / self.mean


def student_t(freedom: int) -> float:
    """Student's t for a two-sided 95 % interval; beyond the table by Cornish and Fisher (1938)."""
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    return _Z95 + (_Z95**3 + _Z95) / (4 * freedom)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of rounds and its interval.

    Raises:
        ValueError: there is no round.
    """
    if not values:
        raise ValueError("nothing was measured")
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean, None, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = student_t(count - 1) * math.sqrt(variance / count)
    # Neither a rate nor a time is ever below nothing.
    return Estimate(mean, max(0.0, mean - half), mean + half, count)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of sorted values does not exceed.

    Raises:
        ValueError: there is no value.
    """
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]
