"""The curve of a cache against caches that are simulated, and the checks on literals."""

from __future__ import annotations

import itertools
import random
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtune.errors import Unavailable
from dbtune.redis.cache.checks.cache_larger_than_needed import cache_larger_than_needed
from dbtune.redis.cache.checks.cache_thrashes import cache_thrashes
from dbtune.redis.cache.checks.cache_too_small import cache_too_small
from dbtune.redis.cache.checks.cold_family import cold_family
from dbtune.redis.cache.checks.family_not_evictable import family_not_evictable
from dbtune.redis.cache.checks.hot_key import hot_key
from dbtune.redis.cache.checks.keys_expire_together import keys_expire_together
from dbtune.redis.cache.checks.ttl_outlives_cache import ttl_outlives_cache
from dbtune.redis.cache.checks.ttl_too_short import ttl_too_short
from dbtune.redis.cache.curve import LFU, LRU, RANDOM, Curve, Measured, Policy, zipf
from dbtune.redis.cache.facts import Family, HotKey, Known, Use, Uses, families
from dbtune.redis.cache.growth import Growth, Size, growth, rates_of
from dbtune.redis.facts.info import Info


class Simulated:
    """A cache that evicts the least recently used key, or any; time passes by the request."""

    def __init__(self, size: int, *, by_use: bool, seed: int = 3) -> None:
        self.size, self.by_use = size, by_use
        self.last: OrderedDict[int, int] = OrderedDict()
        self.order: list[int] = []
        self.random = random.Random(seed)
        self.now = self.hits = 0

    def ask(self, keys: list[int]) -> float:
        """Ask for keys; the hit ratio."""
        self.hits = 0
        for key in keys:
            self.now += 1
            if key in self.last:
                self.hits += 1
            else:
                if len(self.last) >= self.size:
                    self._evict()
                self.order.append(key)
            self.last[key] = self.now
            self.last.move_to_end(key)
        return self.hits / len(keys)

    def _evict(self) -> None:
        if self.by_use:
            self.last.popitem(last=False)
            return
        at = self.random.randrange(len(self.order))
        self.order[at], self.order[-1] = self.order[-1], self.order[at]
        del self.last[self.order.pop()]


def requests(exponent: float, keys: int, many: int, seed: int) -> list[int]:
    weights = list(itertools.accumulate((i + 1) ** -exponent for i in range(keys)))
    return random.Random(seed).choices(range(keys), cum_weights=weights, k=many)


@pytest.mark.parametrize("policy", [LRU, RANDOM], ids=lambda policy: policy.name)
@pytest.mark.parametrize(("exponent", "keys"), [(0.6, 8_000), (0.9, 20_000), (1.2, 40_000)])
def test_twice_the_size_of_a_simulated_cache(policy: Policy, exponent: float, keys: int) -> None:
    size = 2000
    small = Simulated(size, by_use=policy is LRU)
    large = Simulated(2 * size, by_use=policy is LRU)
    warm, more = (requests(exponent, keys, 40_000, seed) for seed in (1, 2))
    small.ask(warm)
    large.ask(warm)
    hit_ratio = small.ask(more)
    ages = sorted(small.now - at for at in small.last.values())
    shares = tuple(
        (float(ages[int(part * size)]), part) for part in (0.1, 0.2, 0.3, 0.45, 0.6, 0.75)
    )
    curve = Curve(policy, Measured(size, hit_ratio, 1.0, shares))
    assert curve.at(2).hit_ratio == pytest.approx(large.ask(more), abs=0.03)


@settings(max_examples=30)
@given(st.sampled_from([LRU, RANDOM, LFU]), st.floats(0, 1.6), st.floats(100, 1e6))
def test_a_larger_cache_hits_more(policy: Policy, exponent: float, keys: float) -> None:
    groups = zipf(exponent, keys)
    found = [policy.hit_ratio(groups, part * keys) for part in (0.01, 0.1, 0.5, 1.0)]
    assert all(a <= b + 1e-3 for a, b in itertools.pairwise(found))
    assert found[-1] == pytest.approx(1, abs=1e-3)
    assert sum(one.many for one in groups) == pytest.approx(keys, rel=0.02)


@pytest.mark.parametrize("uptime", [5.0, 1e9])
@pytest.mark.parametrize(("grown", "decay"), [(20_000, 0), (20_000, 1), (40, 1)])
def test_rates_of_counters_add_up_to_the_hits(grown: int, decay: int, uptime: float) -> None:
    keys = [Use(b"a", "a", 1, -1, value) for value in (5, 5, 6, 10, 40, 200)]
    uses = Uses(Known.counter, tuple(keys), 1.0, 10, decay)
    rates = rates_of(keys, uses, grown, uptime)
    assert sum(rates) == pytest.approx(grown)
    assert rates == sorted(rates)
    assert rates[0] == 0


# ------------------------------------------------------------------------------- what is refused


def info(fields: Mapping[str, object], before: Mapping[str, float] = MappingProxyType({})) -> Info:
    texts = {name: str(value) for name, value in fields.items()}
    return Info(texts, 0.0, before, 10.0)


FULL: dict[str, object] = {
    "maxmemory": 1 << 30,
    "maxmemory_policy": "allkeys-lru",
    "keyspace_hits": 8000,
    "keyspace_misses": 2000,
    "evicted_keys": 2000,
    "used_memory": 1 << 30,
    "db0": "keys=20000,expires=0,avg_ttl=0",
}
KEYS = tuple(Use(b"k", "k", 100, -1, age % 100) for age in range(1000))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"maxmemory": 0}, "maxmemory is not set"),
        ({"evicted_keys": 0}, "no key was evicted"),
        ({"keyspace_misses": 0}, "no key was evicted"),
        ({"keyspace_hits": 100, "keyspace_misses": 100}, "200 look-ups"),
        ({"maxmemory_policy": "noeviction"}, "noeviction"),
        ({"maxmemory_policy": "volatile-ttl"}, "volatile-ttl does not evict by use"),
        ({"maxmemory_policy": "volatile-lru"}, "0 keys that can be evicted"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(changed: dict[str, object], said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        growth(info({**FULL, **changed}), Uses(Known.idle, KEYS))


def test_misses_that_no_memory_avoids_stay() -> None:
    found = growth(info({**FULL, "evicted_keys": 1000}), Uses(Known.idle, KEYS, 20.0))
    assert found.for_want_of_memory_ratio == 0.5
    assert found.at(1.0).hit_ratio == 0.8
    assert 0.8 < found.at(2.0).hit_ratio <= found.at(4.0).hit_ratio <= 0.9001
    assert found.at(0.5).hit_ratio < 0.8
    for one in found.sizes:
        assert one.low_ratio <= one.hit_ratio <= one.high_ratio


# -------------------------------------------------------------------------------------- checks


def of_sizes(half: float, now: float, double: float, low: float | None = None) -> Growth:
    sizes = (
        Size(0.5, 1, half, half, half),
        Size(1.0, 2, now, now, now),
        Size(2.0, 4, double, double if low is None else low, double),
    )
    return Growth(sizes, "", 0.0, 1.0, 1.0, 1.0, coarse=False)


def family(**changed: Any) -> Family:
    values: dict[str, Any] = {
        "pattern": "a:*",
        "seen": 1000,
        "keys": 10_000,
        "size": 100 << 20,
        "share_ratio": 0.5,
        "no_ttl_ratio": 0.0,
        "ttl_p50_ms": 3_600_000.0,
        "ttl_p95_ms": 7_200_000.0,
        "together_ratio": 0.02,
    }
    return Family(**(values | changed))


def test_cache_too_small() -> None:
    assert "save 25.0 %" in cache_too_small(of_sizes(0.5, 0.8, 0.85))[0].message
    assert cache_too_small(of_sizes(0.5, 0.8, 0.83)) == []
    assert cache_too_small(of_sizes(0.5, 0.8, 0.9, low=0.81)) == []  # not all fits say so


def test_cache_larger_than_needed() -> None:
    assert len(cache_larger_than_needed(of_sizes(0.795, 0.8, 0.8))) == 1
    assert cache_larger_than_needed(of_sizes(0.78, 0.8, 0.8)) == []


def test_cache_thrashes() -> None:
    found = cache_thrashes(info(FULL))[0]  # 20,000 keys, 200 evicted a second
    assert found.evidence["lifetime_seconds"] == 100
    slow = FULL | {"db0": "keys=200000,expires=0,avg_ttl=0"}
    assert cache_thrashes(info(slow)) == []
    well = {"keyspace_hits": 1000.0, "keyspace_misses": 10.0}
    after = {"keyspace_hits": 9000, "keyspace_misses": 2010}
    assert "was 99.0 %" in cache_thrashes(info(slow | after, before=well))[0].message
    assert cache_thrashes(info(FULL | {"evicted_keys": 5})) == []


def test_ttl_outlives_cache() -> None:
    assert len(ttl_outlives_cache([family()], info(FULL))) == 1  # an hour against 100 s
    assert ttl_outlives_cache([family(ttl_p50_ms=900_000.0)], info(FULL)) == []
    assert ttl_outlives_cache([family(no_ttl_ratio=0.9)], info(FULL)) == []
    assert ttl_outlives_cache([family()], info(FULL | {"evicted_keys": 0})) == []


def test_ttl_too_short() -> None:
    expiring = FULL | {"evicted_keys": 0, "expired_keys": 1500, "used_memory": 1 << 20}
    assert "a:*" in ttl_too_short(info(expiring), [family()])[0].remedy.text
    assert ttl_too_short(info(expiring | {"expired_keys": 900}), [family()]) == []
    assert ttl_too_short(info(expiring | {"evicted_keys": 900}), [family()]) == []
    assert ttl_too_short(info(expiring | {"used_memory": 1 << 30}), [family()]) == []


def test_keys_expire_together() -> None:
    assert len(keys_expire_together([family(together_ratio=0.4)])) == 1
    assert keys_expire_together([family(together_ratio=0.2)]) == []
    assert keys_expire_together([family(together_ratio=0.4, keys=2000)]) == []
    batch = tuple(Use(b"k", "k", 1, 900_000 + n, 0) for n in range(500))
    spread = tuple(Use(b"s", "s", 1, 1800 * n, 0) for n in range(500))
    found = {one.pattern: one for one in families(Uses(Known.idle, batch + spread), [])}
    assert found["k"].together_ratio == 1.0
    assert (found["s"].together_ratio or 0) < 0.03


def test_cold_family() -> None:
    assert len(cold_family([family(idle_p50_seconds=90_000.0)], info(FULL))) == 1
    assert cold_family([family(idle_p50_seconds=80_000.0)], info(FULL)) == []
    assert cold_family([family(idle_p50_seconds=90_000.0, size=1 << 20)], info(FULL)) == []
    up = info(FULL | {"uptime_in_seconds": 7200})
    assert len(cold_family([family(hits_ratio=0.04)], up)) == 1
    assert cold_family([family(hits_ratio=0.06)], up) == []


def test_family_not_evictable() -> None:
    volatile = FULL | {"maxmemory_policy": "volatile-lru"}
    stays = family(no_ttl_ratio=1.0, size=300 << 20)
    assert len(family_not_evictable([stays], info(volatile))) == 1
    assert family_not_evictable([stays], info(FULL)) == []
    assert family_not_evictable([family(no_ttl_ratio=1.0)], info(volatile)) == []


def test_hot_key() -> None:
    busy = info(FULL | {"keyspace_hits": 98_000})  # 10,000 look-ups a second
    assert len(hot_key([HotKey(b"a", "a", 1, 1001.0)], busy)) == 1
    assert hot_key([HotKey(b"a", "a", 1, 999.0)], busy) == []
    assert hot_key([HotKey(b"a", "a", 1, 5000.0, at_least=True)], busy) == []


def test_what_was_stored_while_keys_were_looked_at_does_not_shift_the_ages() -> None:
    # A scan of 20 s: of the keys stored meanwhile half are missed, so that few are young.
    early = tuple(Use(b"k", "k", 100, -1, age % 100, 0.5, 0.1) for age in range(1000))
    late = tuple(Use(b"k", "k", 100, -1, 20 + age % 80, 0.5, 20.0) for age in range(3000))
    alone = growth(info(FULL), Uses(Known.idle, early, 4.0))
    both = growth(info(FULL), Uses(Known.idle, early + late, 1.0))
    assert both.at(2.0).hit_ratio == pytest.approx(alone.at(2.0).hit_ratio, abs=0.01)
