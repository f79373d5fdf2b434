"""How the values of a column are distributed, from what ANALYZE has kept of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from dbtune.postgres.relations.facts import ColumnStatistics

_SKEW = 10.0
"""A value that is so many times as frequent as another makes a column skewed,"""
_COMMON = 0.05
"""if so large a share of the rows has it."""


class Distribution:
    """Values of a column by frequency and by order."""

    def __init__(self, known: ColumnStatistics) -> None:
        self._known = known

    @property
    def is_skewed(self) -> bool:
        """Whether some value is far more frequent than another."""
        ratios = self._known.common_ratios
        return bool(ratios) and ratios[0] >= _COMMON and ratios[0] >= _SKEW * self._rarest

    @property
    def _rarest(self) -> float:
        """The share of rows that a rare value has."""
        known = self._known
        rest = 1.0 - known.null_ratio - sum(known.common_ratios)
        if rest < 1e-3 or not (known.histogram or known.n_distinct < 0):
            return known.common_ratios[-1]
        others = known.n_distinct - len(known.common_ratios) if known.n_distinct > 0 else 1e9
        return rest / max(1.0, others)

    def looked_up(self, lean: int, place: int) -> str | None:
        """A value that somebody looks up.

        Args:
            lean: 0 a rare one, 2 a common one, 1 whatever is typical.
            place: as many others were taken before.
        """
        common, bounds = self._known.common_values, self._known.histogram
        count = len(bounds)
        spread = [bounds[(count // 2 + n * 37) % count] for n in range(min(count, 50))]
        if lean == 0:
            values = [*spread, *reversed(common)]
        elif lean == 1 and spread and not self.is_skewed and sum(self._known.common_ratios) < 0.5:
            values = [*spread, *common]
        else:
            values = [*common, *spread]
        return values[place % len(values)] if values else None

    def at(self, share: float) -> str | None:
        """The value below which such a share of the values lies."""
        bounds, common = self._known.histogram, self._known.common_values
        if not common:
            return bounds[round(share * (len(bounds) - 1))] if bounds else None
        ratios = self._known.common_ratios
        rest = max(0.0, 1 - self._known.null_ratio - sum(ratios))
        each = rest / max(1, len(bounds) - 1)
        key = self._key()
        items = [*zip(common, ratios, strict=False), *((one, each) for one in bounds[1:])]
        items.sort(key=lambda one: key(one[0]))
        sums = list(accumulate(mass for _, mass in items))
        at = bisect_left(sums, share * sums[-1]) if sums and sums[-1] > 0 else 0
        return items[min(at, len(items) - 1)][0]

    def _key(self) -> Callable[[str], Any]:
        """What sorts the values: numbers by size, the rest, times among it, by its text."""
        values = (*self._known.common_values, *self._known.histogram)
        try:
            for value in values:
                float(value)
        except ValueError:
            return str
        return float
