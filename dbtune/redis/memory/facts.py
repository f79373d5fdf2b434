"""What a database's keys take, added up by pattern and type, and the largest of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappush, heapreplace

from dbtune.redis.memory.scan import Key
from dbtune.redis.patterns import key_pattern

MOST_PATTERNS = 5_000
OTHER = "(further patterns)"
TTL_GROUPS = (
    ("none", -1),
    ("under_1h", 3_600_000),
    ("from_1h", 86_400_000),
    ("from_1d", 7 * 86_400_000),
    ("from_7d", 1 << 63),
)
"""Names and upper bounds, in milliseconds, of times to live."""
_DIGITS = re.compile(rb"\d+")
_TTL_LIMITS = [limit for _, limit in TTL_GROUPS]
_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_MOST_KNOWN = 20_000


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
        named: keys whose whole name is their pattern: there is one of each, and a sample that has
            seen it has seen all.
        named_bytes: bytes of these.
    """

    name: str
    keys: int = 0
    size: int = 0
    largest: int = 0
    no_ttl: int = 0
    no_ttl_bytes: int = 0
    types: dict[str, int] = field(default_factory=dict)
    named: int = 0
    named_bytes: int = 0

    def add(self, kind: str, sums: Sequence[int], *, named: bool) -> None:
        """Count keys of a type, as :class:`Counter` has added them up."""
        keys, size, largest, no_ttl, no_ttl_bytes = sums
        if named:
            self.named += keys
            self.named_bytes += size
        self.keys += keys
        self.size += size
        self.largest = max(self.largest, largest)
        self.no_ttl += no_ttl
        self.no_ttl_bytes += no_ttl_bytes
        self.types[kind] = self.types.get(kind, 0) + keys

    def all_keys(self, factor: float) -> float:
        """How many there are in all, by :attr:`Keyspace.factor`."""
        return self.named + (self.keys - self.named) * factor

    def all_bytes(self, factor: float) -> float:
        """What they take in all, by :attr:`Keyspace.factor`."""
        return self.named_bytes + (self.size - self.named_bytes) * factor


@dataclass(slots=True)
class Keyspace:
    """Keys that were seen.

    Attributes:
        total: keys of the database, as the server counts them.
        elsewhere: keys of the server's other databases.
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
    elsewhere: int = 0
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
        """What counts of the keys seen are to be multiplied with, but for those that are named."""
        named = sum(one.named for one in self.types.values())
        if self.whole or self.seen <= named:
            return 1.0
        return max(1.0, (self.total - named) / (self.seen - named))

    @property
    def all_bytes(self) -> float:
        """What all keys take, by those that were seen."""
        return sum(one.all_bytes(self.factor) for one in self.types.values())

    @property
    def unexplained_bytes(self) -> float | None:
        """Data that the keys seen do not stand for: rare giants outside the sample.

        ``None`` if other databases have keys, too: how much of the data is theirs is not told.
        """
        return None if self.elsewhere else max(0.0, self.dataset_bytes - self.all_bytes)


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
    """Adds keys up in bounded memory.

    It runs while the server waits for the next question, so for each key it does what it must:
    sums are kept by type and by the name with its digits alike, which is quick and settles most.
    """

    def __init__(self, keep: int) -> None:
        self.found = Keyspace()
        self._keep = keep
        self._heap: list[tuple[int, int, Key]] = []
        self._pattern_of = Patterns().of
        self._known: dict[tuple[bytes, str], list[int]] = {}
        self._sums: dict[tuple[str, str], list[int]] = {}
        self._patterns: set[str] = set()
        self._ttl = [0] * len(TTL_GROUPS)

    def add(self, keys: Iterable[Key]) -> None:
        """Count some keys."""
        known, heap, ttl = self._known, self._heap, self._ttl
        seen = self.found.seen
        least = heap[0][0] if len(heap) >= self._keep else -1
        for key in keys:
            name, kind, size, ttl_ms = key
            seen += 1
            alike = name.translate(_ALIKE), kind
            sums = known.get(alike) or self._of(alike, name)
            sums[0] += 1
            sums[1] += size
            if size > sums[2]:
                sums[2] = size
            if ttl_ms < 0:
                sums[3] += 1
                sums[4] += size
            else:
                ttl[bisect_right(_TTL_LIMITS, ttl_ms)] += 1
            if size > least:
                push = heappush if len(heap) < self._keep else heapreplace
                push(heap, (size, seen, key))
                least = heap[0][0] if len(heap) >= self._keep else -1
        self.found.seen = seen

    def _of(self, alike: tuple[bytes, str], name: bytes) -> list[int]:
        """Where keys like this one are added up: keys, bytes, the largest, those without a TTL."""
        pattern = self._pattern_of(name)
        if pattern not in self._patterns:
            if len(self._patterns) < MOST_PATTERNS:
                self._patterns.add(pattern)
            else:
                pattern = OTHER
        sums = self._sums.setdefault((pattern, alike[1]), [0, 0, 0, 0, 0])
        if len(self._known) < _MOST_KNOWN:
            self._known[alike] = sums
        return sums

    def done(self) -> Keyspace:
        """What was counted."""
        patterns: dict[str, Group] = {}
        types: dict[str, Group] = {}
        for (pattern, kind), sums in self._sums.items():
            named = sums[0] == 1 and "*" not in pattern and pattern != OTHER
            patterns.setdefault(pattern, Group(pattern)).add(kind, sums, named=named)
            types.setdefault(kind, Group(kind)).add(kind, sums, named=named)
        counted = zip((name for name, _ in TTL_GROUPS), self._ttl, strict=True)
        return replace(
            self.found,
            patterns=patterns,
            types=types,
            size=sum(one.size for one in types.values()),
            ttl=dict(counted) | {"none": sum(one.no_ttl for one in types.values())},
            largest=[key for _, _, key in sorted(self._heap, reverse=True)],
        )
