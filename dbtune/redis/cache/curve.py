"""What hit ratio another size of a cache would give: a miss-ratio curve of one moment's samples.

The server tells no access by access, so popularity is fitted: the key of rank i is asked for in
proportion to i^-s, and there are N such keys, cached or not (Zipf's law; Breslau et al., "Web
caching and Zipf-like distributions", INFOCOM 1999). Two things that are measured decide s and N:

* the hit ratio at the present size;
* how the cached keys' ages since their last use (LRU, random), or their counters of uses (LFU) are
  distributed.

From these the hit ratio at another size follows: under LRU by Che's approximation (Che, Tung, Wang,
"Hierarchical web caching systems", JSAC 2002: a key is cached if it was asked for within the last T
seconds), under random replacement by Gelenbe's (1973: cached with probability rT / (1 + rT)).
Redis' LFU keeps more of the popular keys than LRU does, and fewer than all of them: new keys push
in, and few are looked at before one is evicted. It was measured to be six tenths of the way. All
three assume that requests are independent of each other: where keys are read in turn (scans, batch
jobs), the curve has steps that it does not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

TOLERANCE = 0.01
"""Fits whose mean error is larger than the best one's by so much are as good: they give the
range."""
HEAD = 0.2
"""Of an LFU cache's keys, those whose counters tell something: below are new ones, too."""
_IDEAL_RATIO = 0.6
_EXPONENTS = tuple(step / 20 for step in range(34))
_MOST_KEYS = 1e13


class Group(NamedTuple):
    """Keys of neighbouring ranks.

    Attributes:
        many: how many.
        weight: the share of requests, before it is divided by all shares, of one of them.
    """

    many: float
    weight: float


class Fit(NamedTuple):
    """A popularity that explains what was measured.

    Attributes:
        exponent: s of Zipf's law.
        keys: N, how many keys are asked for.
        error: mean difference of the shares that it gives and those measured.
    """

    exponent: float
    keys: float
    error: float


class Point(NamedTuple):
    """The hit ratio at a size.

    Attributes:
        hit_ratio: the best fit's.
        low, high: of all fits that are as good.
    """

    hit_ratio: float
    low: float
    high: float


@lru_cache(maxsize=4096)
def zipf(exponent: float, keys: float) -> tuple[Group, ...]:
    """Ranks 1 to ``keys`` in groups that get larger: the first 50 alone, then 8 per cent more."""
    groups: list[Group] = []
    rank, total = 1.0, max(1.0, keys)
    while rank <= total:
        last = min(total, rank if rank < 50 else math.floor(rank * 1.08))
        count = last - rank + 1
        groups.append(Group(count, math.sqrt(rank * last) ** -exponent))
        rank = last + 1
    return tuple(groups)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a cache decides what it keeps.

    Attributes:
        name: ``lru``, ``random`` or ``lfu``.
        kept: probability that a key is cached, of its requests in the characteristic time.
    """

    name: str
    kept: Callable[[float], float]

    def hit_ratio(self, groups: Sequence[Group], size: float) -> float:
        """The hit ratio of a cache of so many keys."""
        if size >= sum(one.many for one in groups):
            return 1.0
        whole = sum(one.many * one.weight for one in groups)
        if self.name == "lfu":
            best = _of_first(groups, size) / whole
            return _IDEAL_RATIO * best + (1 - _IDEAL_RATIO) * LRU.hit_ratio(groups, size)
        time = self.time(groups, size)
        hit = sum(one.many * one.weight * self.kept(one.weight * time) for one in groups)
        return hit / whole

    def time(self, groups: Sequence[Group], size: float) -> float:
        """The characteristic time, in units of one over weight, at which ``size`` are cached."""
        low, high = 0.0, 1.0
        while self._cached(groups, high) < size and high < 1e30:
            high *= 4
        for _ in range(40):
            middle = math.sqrt(low * high) if low else high / 1e3
            if self._cached(groups, middle) < size:
                low = middle
            else:
                high = middle
            if low and high / low < 1.001:
                break
        return high

    def _cached(self, groups: Sequence[Group], time: float) -> float:
        return sum(one.many * self.kept(one.weight * time) for one in groups)


LRU = Policy("lru", lambda asked: -math.expm1(-asked))
RANDOM = Policy("random", lambda asked: asked / (1 + asked))
LFU = Policy("lfu", lambda asked: float(asked >= 1))


def _of_first(groups: Sequence[Group], size: float) -> float:
    """Weight of the most popular keys."""
    found = 0.0
    for one in groups:
        taken = min(one.many, size)
        found += taken * one.weight
        size -= taken
        if size <= 0:
            break
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """What decides the fit.

    Attributes:
        keys: how many are cached.
        hit_ratio: of the requests that a larger cache could answer.
        requests_per_second: of these.
        shares: LRU and random: share of the cached keys that were asked for within so many seconds;
            LFU: what so large a share of the cached keys, the most used first, has of the hits of
            the first :data:`HEAD` of them.
    """

    keys: float
    hit_ratio: float
    requests_per_second: float
    shares: tuple[tuple[float, float], ...]


class Curve:
    """Hit ratio by size, of a fit to what was measured; see the module."""

    def __init__(self, policy: Policy, measured: Measured) -> None:
        self._policy = policy
        self._measured = measured
        fits = [self._fit(exponent) for exponent in _EXPONENTS]
        found = sorted((one for one in fits if one is not None), key=lambda one: one.error)
        self.fits = [one for one in found if one.error <= found[0].error + TOLERANCE]
        """The fits that explain what was measured, the best one first; none if nothing does."""

    def at(self, factor: float) -> Point:
        """The hit ratio of a cache of ``factor`` times as many keys."""
        size = self._measured.keys * factor
        found = [self._policy.hit_ratio(zipf(one.exponent, one.keys), size) for one in self.fits]
        return Point(found[0], min(found), max(found))

    def _fit(self, exponent: float) -> Fit | None:
        """The number of keys with which that exponent gives the measured hit ratio."""
        measured, policy = self._measured, self._policy
        low, high = measured.keys * 1.0001, _MOST_KEYS
        if policy.hit_ratio(zipf(exponent, high), measured.keys) > measured.hit_ratio:
            return None  # so few keys get so many requests that no number of others matters
        while high / low > 1.01:
            middle = math.sqrt(low * high)
            if policy.hit_ratio(zipf(exponent, middle), measured.keys) > measured.hit_ratio:
                low = middle
            else:
                high = middle
        groups = zipf(exponent, high)
        errors = [abs(self._share(groups, at) - share) for at, share in measured.shares]
        return Fit(exponent, high, sum(errors) / len(errors))

    def _share(self, groups: Sequence[Group], at: float) -> float:
        measured, policy = self._measured, self._policy
        if policy.name == "lfu":
            head = _of_first(groups, HEAD * measured.keys)
            return _of_first(groups, at * measured.keys) / head
        whole = sum(one.many * one.weight for one in groups)
        rate = measured.requests_per_second / whole
        if policy.name == "lru":
            recent = sum(one.many * -math.expm1(-one.weight * rate * at) for one in groups)
            return min(1.0, recent / measured.keys)
        # Last asked for within that time, and not thrown out since.
        gone = rate / policy.time(groups, measured.keys)
        recent = sum(
            one.many
            * (asked := one.weight * rate)
            / (asked + gone)
            * -math.expm1(-(asked + gone) * at)
            for one in groups
        )
        return recent / measured.keys
