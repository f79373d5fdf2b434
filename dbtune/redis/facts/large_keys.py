"""The largest keys of a bounded sample, by pattern."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.bloat import Selection
from dbtune.facts import fact
from dbtune.redis.memory.collect import read_keys
from dbtune.redis.patterns import key_pattern
from dbtune.redis.session import Session

_BUDGET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LargeKey:
    """Large keys of one pattern.

    Attributes:
        pattern: what their names have in common.
        type: ``string``, ``hash`` ...
        largest_bytes: of the largest, in memory.
        keys: how many of the largest ones are of this pattern.
    """

    pattern: str
    type: str
    largest_bytes: int
    keys: int


@dataclass(frozen=True, slots=True)
class LargeKeys:
    """What a look at some keys found.

    Attributes:
        seen, total: keys looked at, and all keys.
        used_bytes: memory in use.
        largest: by pattern, the largest first.
    """

    seen: int
    total: int
    used_bytes: int
    largest: tuple[LargeKey, ...]


@fact("large_keys")
def large_keys(session: Session) -> LargeKeys:
    """Of the session's database. Least privilege: ~* +scan +type +pttl +memory|usage."""
    found = read_keys(session, Selection(budget_seconds=_BUDGET_SECONDS))
    groups: dict[tuple[str, str], list[int]] = {}
    for key in found.largest:
        pattern = key_pattern(key.name.decode("utf-8", "replace"))
        groups.setdefault((pattern, key.type), []).append(key.size)
    largest = [
        LargeKey(pattern, kind, max(sizes), len(sizes)) for (pattern, kind), sizes in groups.items()
    ]
    largest.sort(key=lambda one: (-one.largest_bytes, one.pattern))
    return LargeKeys(found.seen, found.total, found.used_bytes, tuple(largest))
