"""Some keys are very large."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.large_keys import LargeKeys
from dbtune.text import bytes_text, count_text, plain, shorten

_MIB = 1 << 20


@check("redis.large-keys", tags=("memory", "latency"))
def large_keys(
    large_keys: LargeKeys,
    *,
    min_string_bytes: int = _MIB,
    min_collection_bytes: int = 10 * _MIB,
    critical_bytes: int = 100 * _MIB,
) -> Iterator[Finding]:
    """Some keys are very large.

    Why: Whoever reads or deletes one of them stops the server for everybody meanwhile.

    Mistaken when: It is read in small parts (HGET, ZRANGE with a limit) and deleted with UNLINK. A
        sample was looked at: there may be larger ones.

    Remedy: dbtune bloat looks closer; split them, bound them (LTRIM, XTRIM), delete them with
        UNLINK.
    """
    for one in large_keys.largest:
        least = min_string_bytes if one.type == "string" else min_collection_bytes
        if one.largest_bytes < least:
            continue
        yield Finding(
            f"{one.type} {shorten(plain(one.pattern), 200)}",
            f"{bytes_text(one.largest_bytes)} in one key; {count_text(large_keys.seen)} of "
            f"{count_text(large_keys.total)} keys were looked at",
            Remedy(
                "Split it, or bound it; see dbtune bloat.", effect="a change in the application"
            ),
            {
                "size_bytes": one.largest_bytes,
                "keys": one.keys,
                "used_ratio": one.largest_bytes / large_keys.used_bytes
                if large_keys.used_bytes
                else None,
                "seen": large_keys.seen,
                "total": large_keys.total,
            },
            level=Level.critical if one.largest_bytes >= critical_bytes else Level.warning,
        )
