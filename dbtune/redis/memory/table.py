"""The tables of ``bloat`` on Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dbtune.redis.memory.facts import Group, Keyspace
from dbtune.report import Column, Row, Table, record
from dbtune.text import plain, shorten

PATTERNS = Table(
    "patterns",
    "Memory by key pattern",
    (
        Column("pattern", "pattern", "text", "Keys with what looks like data as *."),
        Column("keys", "keys", "int", "How many, estimated from the sample."),
        Column("size_bytes", "memory", "bytes", "What they take, estimated from the sample."),
        Column("share_ratio", "share", "share", "That, of all keys' memory."),
        Column("mean_bytes", "mean", "bytes", "Of a key.", 1),
        Column("largest_bytes", "largest", "bytes", "The largest that was seen.", 1),
        Column("no_ttl_ratio", "no TTL", "ratio", "Keys that never expire."),
        Column("types", "types", "text", "Their types.", 1),
    ),
    empty="no key",
)
TYPES = Table(
    "types",
    "Memory by type",
    (
        Column("type", "type", "text", "Of the value."),
        Column("keys", "keys", "int", "How many, estimated from the sample."),
        Column("size_bytes", "memory", "bytes", "What they take, estimated from the sample."),
        Column("mean_bytes", "mean", "bytes", "Of a key."),
        Column("largest_bytes", "largest", "bytes", "The largest that was seen."),
    ),
    empty="no key",
)
LARGEST = Table(
    "largest",
    "Largest keys that were seen",
    (
        Column("pattern", "pattern", "text", "The key's pattern."),
        Column("key", "key", "text", "The key itself: names may hold data.", None),
        Column("type", "type", "text", "Of its value."),
        Column("size_bytes", "memory", "bytes", "What it takes."),
        Column("ttl_ms", "expires in", "ms", "Time to live; null for never."),
    ),
    empty="no key",
)
MEMORY = (
    Column("used_bytes", "used memory", "bytes", "What the server has allocated."),
    Column("dataset_bytes", "data", "bytes", "Of it, keys and values."),
    Column("overhead_bytes", "overhead", "bytes", "Of it, buffers, tables, replication, scripts."),
    Column("rss_bytes", "process", "bytes", "What the process takes of the machine (RSS)."),
    Column("peak_bytes", "peak", "bytes", "The most that it ever had allocated."),
    Column("max_bytes", "maxmemory", "bytes", "What it may use; null for no limit."),
    Column("policy", "policy", "text", "maxmemory-policy."),
    Column("lost_between_keys_bytes", "between allocations", "bytes", "allocator_frag_bytes."),
    Column("lost_between_keys_ratio", "as ratio", "float", "allocator_frag_ratio: 1 is none."),
    Column("lost_to_allocator_bytes", "held by the allocator", "bytes", "allocator_rss_bytes."),
    Column("process_ratio", "process to used", "float", "mem_fragmentation_ratio: not by itself."),
    Column("reading", "what it means", "text", "The ratios read together."),
    Column("keys", "keys", "int", "Of this database."),
    Column("sampled_keys", "sampled", "int", "Of these."),
    Column("unexplained_bytes", "not explained", "bytes", "Data that the sample does not show."),
    Column("ttl", "time to live", "object", "Keys seen by time to live.", None),
)
TABLES = (PATTERNS, TYPES, LARGEST, Table("memory", "Memory", MEMORY, record=True))


def memory_table(info: Mapping[str, str], keys: Keyspace | None) -> Table:
    """What the server takes, and what of it is not data."""

    def number(name: str) -> float | None:
        try:
            return float(info[name])
        except (KeyError, ValueError):
            return None

    limit = number("maxmemory")
    missing = keys.unexplained_bytes if keys else None
    values: Row = {
        "used_bytes": number("used_memory"),
        "dataset_bytes": number("used_memory_dataset"),
        "overhead_bytes": number("used_memory_overhead"),
        "rss_bytes": number("used_memory_rss"),
        "peak_bytes": number("used_memory_peak"),
        "max_bytes": limit or None,
        "policy": info.get("maxmemory_policy"),
        "lost_between_keys_bytes": number("allocator_frag_bytes"),
        "lost_between_keys_ratio": number("allocator_frag_ratio"),
        "lost_to_allocator_bytes": number("allocator_rss_bytes"),
        "process_ratio": number("mem_fragmentation_ratio"),
        "reading": reading(info),
        "keys": keys.total if keys else None,
        "sampled_keys": keys.seen if keys else None,
        "unexplained_bytes": round(missing) if missing is not None else None,
        "ttl": keys.ttl if keys else None,
    }
    return record("memory", "Memory", MEMORY, values)


_MIB = 1 << 20


def reading(info: Mapping[str, str]) -> str:
    """The ratios of INFO read together: each alone misleads.

    ``mem_fragmentation_ratio`` is RSS to used memory: on a small instance it is large and means
    nothing, after a peak it is what the allocator keeps, and below one it is swap.
    """

    def number(name: str) -> float:
        try:
            return float(info[name])
        except (KeyError, ValueError):
            return 0.0

    used, rss, peak = (number(f"used_memory{one}") for one in ("", "_rss", "_peak"))
    if not used:
        return ""
    if number("mem_fragmentation_ratio") and rss < 0.9 * used:
        return "part of the data is swapped out, or on pages that the kernel counts elsewhere"
    between, ratio = number("allocator_frag_bytes"), number("allocator_frag_ratio")
    if ratio > 1.4 and between > 100 * _MIB:
        return "fragmented: much lies between allocations, active defragmentation gives it back"
    if number("allocator_rss_bytes") > max(100 * _MIB, 0.1 * used):
        return "the allocator keeps free pages: MEMORY PURGE gives them back"
    if rss > 1.4 * used and peak > 1.5 * used:
        return "it was larger: what the process still has is used again, or given back by a restart"
    if rss - used < 100 * _MIB:
        return "nothing worth a word: the difference to the process is small"
    return "not fragmented: the rest is the process itself, its buffers and tables"


def pattern_rows(keys: Keyspace, limit: int) -> Iterator[Row]:
    """The patterns that take most."""
    factor, whole = keys.factor, keys.all_bytes
    ordered = sorted(keys.patterns.values(), key=lambda one: (-one.all_bytes(factor), one.name))
    for one in ordered[:limit]:
        yield _group(one, factor) | {
            "pattern": one.name,
            "share_ratio": one.all_bytes(factor) / whole if whole else None,
            "no_ttl_ratio": one.no_ttl / one.keys,
            "types": ", ".join(sorted(one.types, key=lambda name: -one.types[name])),
        }


def type_rows(keys: Keyspace) -> Iterator[Row]:
    """Every type."""
    factor = keys.factor
    for one in sorted(keys.types.values(), key=lambda group: -group.all_bytes(factor)):
        yield _group(one, factor) | {"type": one.name}


def _group(one: Group, factor: float) -> dict[str, object]:
    return {
        "keys": round(one.all_keys(factor)),
        "size_bytes": round(one.all_bytes(factor)),
        "mean_bytes": one.size / one.keys,
        "largest_bytes": one.largest,
    }


def largest_rows(keys: Keyspace, limit: int) -> Iterable[Row]:
    """The largest keys."""
    from dbtune.redis.patterns import key_pattern

    for key in keys.largest[:limit]:
        name = key.name.decode("utf-8", "replace")
        yield {
            "pattern": key_pattern(name),
            "key": shorten(plain(name), 200),
            "type": key.type,
            "size_bytes": key.size,
            "ttl_ms": None if key.ttl_ms < 0 else key.ttl_ms,
        }
