"""The tables of ``cache`` on Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dbtune.redis.cache.facts import Family, HotKey, Known, Uses
from dbtune.report import Column, Row, Table, record
from dbtune.text import plain, shorten

if TYPE_CHECKING:  # help and schemas need no driver
    from dbtune.redis.cache.growth import Growth
    from dbtune.redis.facts.info import Info
    from dbtune.redis.memory.facts import Keyspace

TRAFFIC = (
    Column("window_seconds", "window", "seconds", "Length of the observed time."),
    Column("hit_ratio", "hit ratio", "ratio", "Of the look-ups meanwhile."),
    Column("total_hit_ratio", "since start", "ratio", "Since the server started."),
    Column("lookups_per_second", "look-ups/s", "float", "Keys that were read."),
    Column("misses_per_second", "misses/s", "float", "Keys that were not there."),
    Column("evicted_per_second", "evicted/s", "float", "Keys thrown out for want of memory."),
    Column("expired_per_second", "expired/s", "float", "Keys whose time was over."),
    Column("used_bytes", "used memory", "bytes", "What the server has allocated."),
    Column("max_bytes", "maxmemory", "bytes", "What it may use; null for no limit."),
    Column("policy", "policy", "text", "maxmemory-policy."),
    Column("keys", "keys", "int", "Of this database."),
    Column("sampled_keys", "sampled", "int", "Of these."),
    Column(
        "lifetime_seconds",
        "a key lives",
        "seconds",
        "On average, until it is evicted or expires: keys / (evicted + expired per second), by "
        "Little's law; null if none left.",
    ),
    Column("ttl", "time to live", "object", "Keys seen by time to live.", None),
)
MEMORY_BUYS = Table(
    "memory_buys",
    "What another maxmemory would give (estimated)",
    (
        Column("factor", "times", "float", "Of the present maxmemory."),
        Column("max_bytes", "maxmemory", "bytes", "That."),
        Column("hit_ratio", "hit ratio", "ratio", "Estimated; measured where the factor is 1."),
        Column(
            "low_ratio", "low", "ratio", "Lowest of all fits that explain what was measured.", 1
        ),
        Column("high_ratio", "high", "ratio", "Highest of these.", 1),
        Column("misses_per_second", "misses/s", "float", "At the present number of look-ups."),
    ),
    empty="not estimated: see what was skipped",
)
FAMILIES = Table(
    "families",
    "Key families by memory",
    (
        Column("pattern", "pattern", "text", "Keys with what looks like data as *."),
        Column("keys", "keys", "int", "How many, estimated from the sample."),
        Column("size_bytes", "memory", "bytes", "What they take, estimated from the sample."),
        Column("share_ratio", "share", "share", "That, of all keys' memory."),
        Column("hits_ratio", "hits", "ratio", "Of all hits, by LFU counters; null under others."),
        Column("no_ttl_ratio", "no TTL", "ratio", "Keys that never expire."),
        Column("ttl_p50_ms", "TTL left, median", "ms", "Of those that expire.", 1),
        Column("ttl_p95_ms", "TTL left, p95", "ms", "Of those that expire.", 2),
        Column("idle_p50_seconds", "idle, median", "seconds", "Since the last access.", 1),
        Column("idle_p95_seconds", "idle, p95", "seconds", "Since the last access.", 2),
        Column("together_ratio", "expire together", "ratio", "In one hundredth of the time.", None),
    ),
    empty="no key",
)
HOT_KEYS = Table(
    "hot_keys",
    "Hot keys of the sample",
    (
        Column("pattern", "pattern", "text", "The key's pattern."),
        Column("key", "key", "text", "The key itself: names may hold data; null of a snapshot."),
        Column("size_bytes", "memory", "bytes", "What it takes."),
        Column("reads_per_second", "reads/s", "float", "Estimated from its counter."),
        Column("at_least", "at least", "bool", "Used at every look: so often or more.", 1),
        Column("share_ratio", "of look-ups", "share", "That, of all look-ups; null if a bound."),
        Column("counter", "OBJECT FREQ", "int", "Its logarithmic counter.", 2),
    ),
    empty="no key stands out",
)
TABLES = (Table("cache", "Cache", TRAFFIC, record=True), MEMORY_BUYS, FAMILIES, HOT_KEYS)


def traffic_table(info: Info, keys: Keyspace | None) -> Table:
    """What was asked of the cache while it was watched."""
    hits, misses = info.grown("keyspace_hits"), info.grown("keyspace_misses")
    all_hits, all_misses = info.number("keyspace_hits"), info.number("keyspace_misses")
    values: Row = {
        "window_seconds": info.seconds,
        "hit_ratio": hits / (hits + misses) if hits + misses else None,
        "total_hit_ratio": all_hits / (all_hits + all_misses) if all_hits + all_misses else None,
        "lookups_per_second": (hits + misses) / info.seconds,
        "misses_per_second": misses / info.seconds,
        "evicted_per_second": info.grown("evicted_keys") / info.seconds,
        "expired_per_second": info.grown("expired_keys") / info.seconds,
        "used_bytes": info.number("used_memory"),
        "max_bytes": info.number("maxmemory") or None,
        "policy": plain(info.text("maxmemory_policy")),
        "keys": keys.total if keys else None,
        "sampled_keys": keys.seen if keys else None,
        "lifetime_seconds": lifetime_seconds(info),
        "ttl": keys.ttl if keys else None,
    }
    return record("cache", "Cache", TRAFFIC, values)


def lifetime_seconds(info: Info) -> float | None:
    """For how long a key is in the cache, on average (Little's law); ``None`` if none leaves."""
    left = info.grown("evicted_keys") + info.grown("expired_keys")
    return info.keys[0] / (left / info.seconds) if left else None


def growth_rows(growth: Growth, info: Info) -> Iterator[Row]:
    """Every size."""
    lookups = info.grown("keyspace_hits") + info.grown("keyspace_misses")
    for one in growth.sizes:
        yield {
            "factor": one.factor,
            "max_bytes": one.max_bytes,
            "hit_ratio": one.hit_ratio,
            "low_ratio": one.low_ratio,
            "high_ratio": one.high_ratio,
            "misses_per_second": (1 - one.hit_ratio) * lookups / info.seconds,
        }


def family_rows(families: Sequence[Family], limit: int) -> Iterator[Row]:
    """The families that take most."""
    for one in families[:limit]:
        yield {
            "pattern": one.pattern,
            "keys": one.keys,
            "size_bytes": one.size,
            "share_ratio": one.share_ratio,
            "hits_ratio": one.hits_ratio,
            "no_ttl_ratio": one.no_ttl_ratio,
            "ttl_p50_ms": one.ttl_p50_ms,
            "ttl_p95_ms": one.ttl_p95_ms,
            "idle_p50_seconds": one.idle_p50_seconds,
            "idle_p95_seconds": one.idle_p95_seconds,
            "together_ratio": one.together_ratio,
        }


def hot_rows(keys: Iterable[HotKey], lookups_per_second: float) -> Iterator[Row]:
    """The hottest keys."""
    for one in keys:
        share = one.per_second / lookups_per_second if lookups_per_second else None
        yield {
            "pattern": one.pattern,
            "key": shorten(plain(one.name.decode("utf-8", "replace")), 200) or None,
            "size_bytes": one.size,
            "reads_per_second": one.per_second,
            "at_least": one.at_least,
            "share_ratio": None if one.at_least else share,
            "counter": one.counter,
        }


def hot_by_counter(uses: Uses, rates: Sequence[float], most: int) -> list[HotKey]:
    """The keys with the largest counters, if counters are what is known."""
    if uses.known is not Known.counter:
        return []
    order = sorted(range(len(uses.keys)), key=lambda at: (-rates[at], uses.keys[at].name))
    return [
        HotKey(one.name, one.pattern, one.size, rates[at], counter=one.value)
        for at in order[:most]
        if (one := uses.keys[at]).value is not None and rates[at] > 0
    ]
