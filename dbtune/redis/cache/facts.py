"""How a cache is used: keys of a sample, each with when or how often it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Known(StrEnum):
    """What a server remembers of a key's use, which its eviction policy decides."""

    idle = "idle"
    """Seconds since the last access (OBJECT IDLETIME)."""
    counter = "counter"
    """A logarithmic counter of accesses (OBJECT FREQ), under an LFU policy."""
    nothing = "nothing"


class Use(NamedTuple):
    """A key of the sample.

    Attributes:
        name: its bytes.
        pattern: of its name.
        size: bytes in memory.
        ttl_ms: milliseconds until it expires; -1 for never.
        value: idle seconds or counter; ``None`` if the server did not tell.
        phase: of the server's clock, which counts whole seconds, when it told: a key that is idle
            for ``value`` was last asked for between ``value + phase - 1`` and ``value + phase``
            seconds ago.
        after: seconds since the scan began: what was stored meanwhile is seen in part only.
    """

    name: bytes
    pattern: str
    size: int
    ttl_ms: int
    value: int | None
    phase: float = 0.5
    after: float = 0.0

    @property
    def age(self) -> float:
        """Seconds since its last access, of a key whose idle time is known."""
        return max(0.0, (self.value or 0) + self.phase - 0.5)


@dataclass(frozen=True, slots=True)
class Uses:
    """The sample.

    Attributes:
        known: what ``value`` of its keys is.
        keys: its keys.
        factor: what counts of them are to be multiplied with for all keys of the database.
        log_factor, decay_minutes: lfu-log-factor and lfu-decay-time.
    """

    known: Known
    keys: tuple[Use, ...]
    factor: float = 1.0
    log_factor: int = 10
    decay_minutes: int = 1


@dataclass(frozen=True, slots=True)
class HotKey:
    """A key that is asked for often.

    Attributes:
        name: its bytes.
        pattern: of its name.
        size: bytes in memory.
        per_second: how often, estimated from its counter; at least so often if ``at_least``.
        at_least: it was idle for less than a second at every look.
        counter: OBJECT FREQ.
    """

    name: bytes
    pattern: str
    size: int
    per_second: float
    at_least: bool = False
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Keys of one pattern, estimated for all keys from the sample.

    Attributes:
        pattern: of their names.
        seen: how many are in the sample.
        keys, size: how many there are, and their bytes in memory.
        share_ratio: their share of all keys' memory.
        no_ttl_ratio: how many of them never expire.
        ttl_p50_ms, ttl_p95_ms: of the others: the time that is left.
        idle_p50_seconds, idle_p95_seconds: since their last access; ``None`` where only counters
            are known.
        hits_ratio: their share of all hits; ``None`` where only idle times are known.
        together_ratio: of those with a TTL, how many expire within the same hundredth of the time
            in which the family expires.
    """

    pattern: str
    seen: int
    keys: int
    size: int
    share_ratio: float
    no_ttl_ratio: float
    ttl_p50_ms: float | None = None
    ttl_p95_ms: float | None = None
    idle_p50_seconds: float | None = None
    idle_p95_seconds: float | None = None
    hits_ratio: float | None = None
    together_ratio: float | None = None


def families(uses: Uses, rates: Sequence[float]) -> list[Family]:
    """The sample's patterns, the one with the most memory first.

    Args:
        uses: the sample.
        rates: accesses per second of each of its keys; empty if unknown.
    """
    groups: dict[str, list[Use]] = {}
    hits: dict[str, float] = {}
    for at, one in enumerate(uses.keys):
        groups.setdefault(one.pattern, []).append(one)
        if rates:
            hits[one.pattern] = hits.get(one.pattern, 0.0) + rates[at]
    whole = sum(one.size for one in uses.keys) or 1
    all_hits = sum(hits.values())
    found = []
    for pattern, keys in groups.items():
        ttls = sorted(one.ttl_ms for one in keys if one.ttl_ms >= 0)
        ages = sorted(one.age for one in keys if one.value is not None and uses.known is Known.idle)
        size = sum(one.size for one in keys)
        found.append(
            Family(
                pattern,
                len(keys),
                round(len(keys) * uses.factor),
                round(size * uses.factor),
                size / whole,
                1 - len(ttls) / len(keys),
                quantile(ttls, 0.5),
                quantile(ttls, 0.95),
                quantile(ages, 0.5),
                quantile(ages, 0.95),
                hits[pattern] / all_hits if all_hits else None,
                _together(ttls),
            )
        )
    return sorted(found, key=lambda one: (-one.size, one.pattern))


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value that so large a share of ordered values does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _together(ttls: Sequence[float]) -> float | None:
    """The largest share of times that lie within a hundredth of the largest one."""
    if not ttls:
        return None
    width, start, most = ttls[-1] / 100, 0, 0
    for end, value in enumerate(ttls):
        while value - ttls[start] > width:
            start += 1
        most = max(most, end - start + 1)
    return most / len(ttls)
