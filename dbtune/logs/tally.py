"""Counters that can be added to one another: sums, the largest of many, quantiles of durations."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import repeat
from operator import mul
from typing import Any, NamedTuple

STEPS_PER_DECADE = 48
"""Buckets of a histogram in a factor of ten: each is 4.9 % wide, so a quantile is within 2.5 %."""
MOST_NAMES = 200
"""Users, databases, applications or hosts that are told apart."""
OTHERS = "(others)"
_LEAST_MS = 1e-4
_SCALE = 1 / _LEAST_MS


@dataclass(slots=True)
class Sum:
    """How many, and of a number with each of them the total and the largest."""

    count: int = 0
    total: float = 0.0
    largest: float = 0.0

    def add(self, value: float = 0.0, count: int = 1) -> None:
        """Count one more, or several whose total is given."""
        self.count += count
        self.total += value
        self.largest = max(self.largest, value)

    def merge(self, other: Sum) -> None:
        """Add what another has counted."""
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    @property
    def mean(self) -> float:
        """The average; 0 of nothing."""
        return self.total / self.count if self.count else 0.0


class Ranked(NamedTuple):
    """One of the largest: its rank and what is known of it."""

    value: float
    what: Mapping[str, str]


@dataclass(slots=True)
class Top:
    """The largest of many."""

    limit: int = 100
    items: list[Ranked] = field(default_factory=list)

    @property
    def least(self) -> float:
        """What a value has to be above to be kept."""
        return self.items[0].value if len(self.items) >= self.limit else -1.0

    def add(self, value: float, what: Mapping[str, str]) -> None:
        """Keep one if it is among the largest."""
        heap: list[Any] = self.items
        one = Ranked(value, what)
        if len(heap) < self.limit:
            heap.append(one)
            if len(heap) == self.limit:
                heap.sort(key=_value)
        elif value > self.least:
            # A heap of tuples would compare mappings when values are equal.
            heap[0] = one
            heap.sort(key=_value)

    def merge(self, other: Top) -> None:
        """Keep the largest of both."""
        self.items = heapq.nlargest(self.limit, [*self.items, *other.items], key=_value)[::-1]

    def ranked(self) -> list[Ranked]:
        """The largest first; ties by what is known of them."""
        return sorted(self.items, key=lambda one: (-one.value, sorted(one.what.items())))


def _value(one: Ranked) -> float:
    return one.value


def merge(mine: Any, its: Any) -> Any:
    """Add up two counters of one type: numbers are added, of texts the larger is kept.

    What has a method ``merge`` is asked to do it; mappings are merged key by key, dataclasses field
    by field. The first is changed.
    """
    own = getattr(mine, "merge", None)
    if own is not None:
        own(its)
    elif isinstance(mine, dict) and isinstance(its, dict):
        for key, value in its.items():
            mine[key] = merge(mine[key], value) if key in mine else value
    elif isinstance(mine, list) and isinstance(its, list):
        mine += its
    elif is_dataclass(mine):
        for one in fields(mine):
            setattr(mine, one.name, merge(getattr(mine, one.name), getattr(its, one.name)))
    elif isinstance(mine, str):
        return max(mine, its)
    elif isinstance(mine, int | float):
        return mine + its
    return mine


def add(names: dict[str, Sum], name: str, count: int, total: float, largest: float) -> None:
    """Count some more of a name; beyond a number of names they are one."""
    one = names.get(name)
    if one is None:
        if len(names) >= MOST_NAMES:
            name = OTHERS
        one = names.setdefault(name, Sum())
    one.count += count
    one.total += total
    one.largest = max(one.largest, largest)


def trim(items: dict[str, Any], limit: int, weight: Any) -> int:
    """Leave only the weightiest of a mapping; returns how many were left out."""
    if len(items) <= limit:
        return 0
    kept = heapq.nlargest(limit, items.items(), key=lambda item: weight(item[1]))
    left = len(items) - limit
    items.clear()
    items.update(kept)
    return left


# --- durations -----------------------------------------------------------------------------------


def buckets(durations_ms: Sequence[float]) -> Counter[int]:
    """How many durations lie in which bucket of a logarithmic scale."""
    scaled = map(mul, durations_ms, repeat(_SCALE))
    return Counter(map(int, map(mul, map(math.log10, scaled), repeat(float(STEPS_PER_DECADE)))))


def bound_ms(bucket: int) -> float:
    """Where a bucket begins."""
    return float(_LEAST_MS * 10 ** (bucket / STEPS_PER_DECADE))


def quantile(counts: Mapping[int, int], share: float, least: float, most: float) -> float:
    """The duration that a share of all does not exceed, from the buckets, within 2.5 %.

    It is the nearest rank, taken in the middle of its bucket.
    """
    wanted = max(1, math.ceil(share * sum(counts.values())))
    for bucket in sorted(counts):
        wanted -= counts[bucket]
        if wanted <= 0:
            middle = bound_ms(bucket) * 10 ** (0.5 / STEPS_PER_DECADE)
            return min(max(middle, least), most)
    return most


def decades(counts: Mapping[int, int]) -> dict[str, int]:
    """How many durations lie in which power of ten: ``{"<1ms": 3, "1-10ms": 5}``."""
    found: dict[str, int] = {}
    for name, low, high in _DECADES:
        count = sum(n for bucket, n in counts.items() if low <= bucket < high)
        if count:
            found[name] = count
    return found


def _decade(ms: float) -> int:
    return round((math.log10(ms) + 4) * STEPS_PER_DECADE)


_DECADES = tuple(
    (name, _decade(low) if low else -1, _decade(high))
    for name, low, high in (
        ("<1ms", 0.0, 1.0),
        ("1-10ms", 1.0, 10.0),
        ("10-100ms", 10.0, 100.0),
        ("100ms-1s", 100.0, 1e3),
        ("1-10s", 1e3, 1e4),
        ("10-100s", 1e4, 1e5),
        (">=100s", 1e5, 1e15),
    )
)
