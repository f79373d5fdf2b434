"""redis.big-key"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.memory.facts import Keyspace
from dbtune.redis.memory.scan import Key
from dbtune.redis.patterns import key_pattern
from dbtune.text import bytes_text, plain, plural, ratio_text, shorten

_MIB = 1 << 20


@check("redis.big-key")
def big_key(
    keys: Keyspace,
    *,
    min_string_bytes: int = _MIB,
    min_collection_bytes: int = 10 * _MIB,
    min_used_ratio: float = 0.05,
    critical_bytes: int = 100 * _MIB,
) -> Iterator[Finding]:
    """A single key is very large.

    Why: Whoever reads or deletes it stops the server for everybody meanwhile, it can't be spread
    over nodes, and its replies fill buffers.

    Mistaken when: It is read in small parts (HGET, ZRANGE with a limit) and deleted with UNLINK.

    Remedy: Split it by a part of its field (hash of the id), keep less in it (LTRIM, ZREMRANGEBY…,
    XTRIM), delete it with UNLINK.
    """
    groups: dict[str, list[Key]] = {}
    for key in keys.largest:
        least = min_string_bytes if key.type == "string" else min_collection_bytes
        share = key.size / keys.used_bytes if keys.used_bytes else 0.0
        if key.size >= least or (share >= min_used_ratio and key.size >= min_string_bytes):
            groups.setdefault(key_pattern(key.name.decode("utf-8", "replace")), []).append(key)
    for pattern, found in groups.items():
        worst = max(found, key=lambda key: key.size)
        share = worst.size / keys.used_bytes if keys.used_bytes else 0.0
        several = f", the largest of {plural(len(found), 'key')}" if len(found) > 1 else ""
        yield Finding(
            subject=f"{worst.type} {shorten(plain(pattern), 200)}",
            message=(
                f"{bytes_text(worst.size)}{several}, {ratio_text(share)} of the memory in use"
            ),
            evidence={
                "size_bytes": worst.size,
                "keys": len(found),
                "used_ratio": share,
                "key": shorten(plain(worst.name.decode("utf-8", "replace")), 200),
            },
            remedy=Remedy(_advice(worst.type)),
            level=Level.critical if worst.size >= critical_bytes else Level.warning,
        )


def _advice(kind: str) -> str:
    if kind == "string":
        return (
            "Compress it, or cut it into parts that are read by themselves; delete it with UNLINK."
        )
    if kind == "stream":
        return "Bound it: XADD with MAXLEN ~ N, or XTRIM; delete it with UNLINK."
    return (
        "Split it into keys by a part of its members (a hash of the id), bound it, read it in "
        "parts (HSCAN, ZRANGE with a limit); delete it with UNLINK."
    )
