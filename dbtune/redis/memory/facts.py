"""What a database's keys take, added up by pattern and type, and the largest of them."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dbtune.redis.memory.scan import Key
from dbtune.redis.patterns import key_pattern

MOST_PATTERNS = 5_000
OTHER = "(further patterns)"
TTL_GROUPS = (
    ("none", -1),
    ("under 1 h", 3_600_000),
    ("1 h to 1 d", 86_400_000),
    ("1 d to 7 d", 7 * 86_400_000),
    ("over 7 d", 1 << 62),
)
"""Names and upper bounds, in milliseconds, of times to live."""
_DIGITS = re.compile(rb"\d+")


@dataclass(slots=True)
class Group:
    """Keys of a pattern, or of a type.

    Attributes:
        name: the pattern or type.
        keys: how many were seen.
        size: their bytes in memory.
        largest: bytes of the largest.
        no_ttl: keys that never expire.
        no_ttl_bytes: their bytes.
        types: how many keys of which type.
    """

    name: str
    keys: int = 0
    size: int = 0
    largest: int = 0
    no_ttl: int = 0
    no_ttl_bytes: int = 0
    types: dict[str, int] = field(default_factory=dict)

    def add(self, key: Key) -> None:
        """Count a key."""
        self.keys += 1
        self.size += key.size
        if key.size > self.largest:
            self.largest = key.size
        if key.ttl_ms < 0:
            self.no_ttl += 1
            self.no_ttl_bytes += key.size
        self.types[key.type] = self.types.get(key.type, 0) + 1


@dataclass(slots=True)
class Keyspace:
    """Keys that were seen.

    Attributes:
        total: keys of the database, as the server counts them.
        seen: keys that were looked at.
        size: their bytes in memory.
        whole: every key was looked at.
        seconds: how long that took.
        patterns, types: groups of them.
        ttl: keys by time to live.
        largest: the largest, the largest first.
        used_bytes, dataset_bytes: memory that the server uses, and what of it is data.
    """

    total: int = 0
    seen: int = 0
    size: int = 0
    whole: bool = False
    seconds: float = 0.0
    patterns: dict[str, Group] = field(default_factory=dict)
    types: dict[str, Group] = field(default_factory=dict)
    ttl: dict[str, int] = field(default_factory=dict)
    largest: list[Key] = field(default_factory=list)
    used_bytes: int = 0
    dataset_bytes: int = 0

    @property
    def factor(self) -> float:
        """What counts of the keys seen are to be multiplied with."""
        return 1.0 if self.whole or not self.seen else max(1.0, self.total / self.seen)

    @property
    def unexplained_bytes(self) -> float:
        """Data that the keys seen do not stand for: rare giants outside the sample."""
        return max(0.0, self.dataset_bytes - self.size * self.factor)


class Patterns:
    """Patterns of keys' names, of which it remembers so many that its memory stays bounded."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def of(self, name: bytes) -> str:
        """The pattern of a key; digits are masked first, which is cheap and settles most."""
        masked = _DIGITS.sub(b"0", name)
        pattern = self._known.get(masked)
        if pattern is None:
            pattern = key_pattern(masked.decode("utf-8", "replace"))
            if len(self._known) < 4 * MOST_PATTERNS:
                self._known[masked] = pattern
        return pattern


class Counter:
    """Adds keys up in bounded memory."""

    def __init__(self, keep: int) -> None:
        self.found = Keyspace()
        self.found.ttl = {name: 0 for name, _ in TTL_GROUPS}
        self._keep = keep
        self._heap: list[tuple[int, int, Key]] = []
        self._patterns = Patterns()

    def add(self, keys: Iterable[Key]) -> None:
        """Count some keys."""
        found, heap = self.found, self._heap
        for key in keys:
            found.seen += 1
            found.size += key.size
            self._group(key.name).add(key)
            kind = found.types.get(key.type)
            if kind is None:
                kind = found.types[key.type] = Group(key.type)
            kind.add(key)
            found.ttl[_ttl_group(key.ttl_ms)] += 1
            if len(heap) < self._keep:
                heapq.heappush(heap, (key.size, found.seen, key))
            elif key.size > heap[0][0]:
                heapq.heapreplace(heap, (key.size, found.seen, key))

    def _group(self, name: bytes) -> Group:
        pattern = self._patterns.of(name)
        patterns = self.found.patterns
        if pattern not in patterns and len(patterns) >= MOST_PATTERNS:
            pattern = OTHER
        group = patterns.get(pattern)
        if group is None:
            group = patterns[pattern] = Group(pattern)
        return group

    def done(self) -> Keyspace:
        """What was counted."""
        self.found.largest = [key for _, _, key in sorted(self._heap, reverse=True)]
        return self.found


def _ttl_group(ttl_ms: int) -> str:
    if ttl_ms < 0:
        return "none"
    return next(name for name, limit in TTL_GROUPS if ttl_ms < limit)
