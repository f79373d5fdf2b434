"""What another size of the memory would do to the hit ratio: from facts to a curve.

Only requests that a larger cache could answer count: a key that was never stored, or that expired,
is a miss at any size. In a full cache each key that comes in drives one out, so that at most as
many misses are for want of memory as keys are evicted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.redis.cache.curve import HEAD, LFU, LRU, RANDOM, Curve, Measured, Policy
from dbtune.redis.cache.facts import Use, Uses
from dbtune.redis.facts.info import Info
from dbtune.text import count_text, plain

FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
MIN_LOOKUPS = 1000
MIN_KEYS = 300
METHOD = {
    "lru": "Zipf popularity fitted to hit ratio and idle times; Che's approximation for LRU",
    "random": "Zipf popularity fitted to hit ratio and idle times; Gelenbe's formula for random",
    "lfu": "Zipf popularity fitted to hit ratio and LFU counters; the most popular are kept",
}
_COARSE_SECONDS = 10
_EARLY = 0.03
"""Of the time that keys live: what a scan sees so soon after its beginning is not biased."""
_INIT = 5
"""LFU_INIT_VAL: the counter of a new key (evict.c, server.h)."""


@dataclass(frozen=True, slots=True)
class Size:
    """The cache with another maxmemory.

    Attributes:
        factor: of the present maxmemory.
        max_bytes: that.
        hit_ratio: of all look-ups; the present one where ``factor`` is 1.
        low_ratio, high_ratio: of all fits that explain what was measured.
    """

    factor: float
    max_bytes: int
    hit_ratio: float
    low_ratio: float
    high_ratio: float


@dataclass(frozen=True, slots=True)
class Growth:
    """The hit ratio by size of the memory.

    Attributes:
        sizes: by factor.
        method: how it was estimated.
        error_ratio: by how much the fit misses what was measured.
        exponent: of the popularity.
        asked_keys: how many different keys are asked for.
        for_want_of_memory_ratio: share of the misses that a larger cache could avoid.
        coarse: keys live for so few seconds that a clock of whole seconds tells little.
    """

    sizes: tuple[Size, ...]
    method: str
    error_ratio: float
    exponent: float
    asked_keys: float
    for_want_of_memory_ratio: float
    coarse: bool

    def at(self, factor: float) -> Size:
        """The size with that factor."""
        return next(one for one in self.sizes if one.factor == factor)


def growth(info: Info, uses: Uses) -> Growth:
    """The hit ratio by size of the memory.

    Raises:
        Unavailable: nothing is evicted, or too little was seen, or the policy is not modelled.
    """
    policy, limit = info.text("maxmemory_policy"), info.number("maxmemory")
    hits, misses = info.grown("keyspace_hits"), info.grown("keyspace_misses")
    evicted = info.grown("evicted_keys")
    if not limit:
        raise Unavailable("maxmemory is not set: nothing is evicted for want of memory")
    model = _model(policy)
    if hits + misses < MIN_LOOKUPS:
        raise Unavailable(
            f"{count_text(hits + misses)} look-ups were counted, which is too few", "--interval 60s"
        )
    if evicted < 1 or misses < 1:
        raise Unavailable("no key was evicted meanwhile: more memory would change no miss")
    keys = [one for one in uses.keys if one.value is not None]
    if policy.startswith("volatile"):
        keys = [one for one in keys if one.ttl_ms >= 0]
    if len(keys) < MIN_KEYS:
        raise Unavailable(f"{count_text(len(keys))} keys that can be evicted are too few")
    avoidable = min(misses, evicted)
    measured = Measured(
        keys=len(keys) * uses.factor,
        hit_ratio=hits / (hits + avoidable),
        requests_per_second=(hits + avoidable) / info.seconds,
        shares=_by_counter(keys, uses, info) if model is LFU else _by_age(keys),
    )
    curve = Curve(model, measured)
    if not curve.fits:
        raise Unavailable("what was measured fits no Zipf popularity")
    part = (hits + avoidable) / (hits + misses)
    fixed = _fixed_bytes(info, uses, policy)
    return Growth(
        tuple(_size(one, curve, limit, fixed, part, hits / (hits + misses)) for one in FACTORS),
        METHOD[model.name],
        curve.fits[0].error,
        curve.fits[0].exponent,
        curve.fits[0].keys,
        avoidable / misses,
        model is not LFU and max(one.age for one in keys) < _COARSE_SECONDS,
    )


def _model(policy: str) -> Policy:
    for word, model in (("lru", LRU), ("lfu", LFU), ("random", RANDOM)):
        if policy.endswith(word):
            return model
    if policy == "noeviction":
        raise Unavailable("the policy is noeviction: nothing is evicted for want of memory")
    raise Unavailable(f"the policy {plain(policy)} does not evict by use: there is no model of it")


def _size(factor: float, curve: Curve, limit: float, fixed: float, part: float, now: float) -> Size:
    if factor == 1:
        return Size(1.0, round(limit), now, now, now)
    point = curve.at(max(0.0, (factor * limit - fixed) / (limit - fixed)))
    # The present one is measured; what is modelled is the difference.
    shift = now - part * curve.at(1.0).hit_ratio
    low, middle, high = (
        min(1.0, max(0.0, part * one + shift)) for one in (point.low, point.hit_ratio, point.high)
    )
    return Size(factor, round(factor * limit), middle, low, high)


def _fixed_bytes(info: Info, uses: Uses, policy: str) -> float:
    """Memory that is not for keys that can be evicted, and does not grow with them."""
    fixed = info.number("used_memory_startup") + info.number("mem_clients_normal")
    fixed += info.number("mem_replication_backlog") + info.number("mem_clients_slaves")
    if policy.startswith("volatile"):
        fixed += uses.factor * sum(one.size for one in uses.keys if one.ttl_ms < 0)
    return min(fixed, 0.9 * info.number("maxmemory"))


def _by_age(keys: Sequence[Use]) -> tuple[tuple[float, float], ...]:
    """Shares of keys that were used within so many seconds.

    An idle time says in which second of the server's clock the last access was: a key counts for
    the part of that second that is within the time. Of keys stored since the scan began some are
    missed, young ones therefore: only what was seen in its first moments counts.
    """
    ages = sorted(one.age for one in keys)
    oldest = max(1.0, ages[int(0.95 * len(ages))])
    soon = max(_EARLY * oldest, sorted(one.after for one in keys)[MIN_KEYS - 1])
    keys = [one for one in keys if one.after <= soon]
    found = []
    for part in (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75):
        limit = part * oldest
        share = sum(_within(one, limit) for one in keys) / len(keys)
        found.append((limit, share))
    return tuple(found)


def _within(one: Use, seconds: float) -> float:
    late = (one.value or 0) + one.phase
    early = max(0.0, late - 1)
    return min(1.0, max(0.0, (seconds - early) / (late - early))) if late > early else 1.0


def rates(keys: Sequence[Use], uses: Uses, info: Info) -> list[float]:
    """As :func:`rates_of`, of what INFO tells."""
    hits = info.grown("keyspace_hits") / info.seconds
    return rates_of(keys, uses, hits, max(1.0, info.number("uptime_in_seconds", 1e9)))


def _by_counter(keys: Sequence[Use], uses: Uses, info: Info) -> tuple[tuple[float, float], ...]:
    """Shares of the hits of the most used keys."""
    found_rates = sorted(rates(keys, uses, info), reverse=True)
    head = sum(found_rates[: max(1, int(HEAD * len(found_rates)))])
    found = []
    for part in (0.003, 0.01, 0.03, 0.07, 0.12):
        count = max(1, int(part * len(found_rates)))
        found.append((count / len(found_rates), sum(found_rates[:count]) / head if head else 0.0))
    return tuple(found)


def rates_of(
    keys: Sequence[Use], uses: Uses, hits_per_second: float, uptime_seconds: float
) -> list[float]:
    """Accesses per second of each key, of its LFU counter.

    A counter c grows by one with probability 1 / ((c - 5) f + 1), f being lfu-log-factor, and loses
    one in lfu-decay-time minutes: n(x) = f x (x - 1) / 2 + x accesses make it x above 5 (Morris'
    counter), and (f x + 1) in lfu-decay-time keep it there. For how long counters have counted is
    not told, only that it is no longer than the server's uptime: all hits together decide it.
    """
    above = [max(0, (one.value or 0) - _INIT) for one in keys]
    factor, decay = uses.log_factor, uses.decay_minutes * 60
    made = [factor * x * (x - 1) / 2 + x for x in above]
    kept = [(factor * x + 1) / decay if x and decay else 0.0 for x in above]
    whole_made, whole_kept = sum(made) * uses.factor, sum(kept) * uses.factor
    if not whole_made:
        return [0.0] * len(above)
    rest = hits_per_second - whole_kept
    seconds = whole_made / rest if rest > 0 else math.inf
    if seconds <= uptime_seconds:
        return [one / seconds + more for one, more in zip(made, kept, strict=True)]
    # Not so much was lost in that time, or counters are in balance for long.
    counted = min(whole_made / uptime_seconds, hits_per_second)
    part = (hits_per_second - counted) / whole_kept if whole_kept else 0.0
    scale = counted / whole_made
    return [one * scale + part * more for one, more in zip(made, kept, strict=True)]
