"""The difference of two readings, without resetting anybody's statistics.

Entries can vanish (evicted), start anew (evicted and seen again, or reset) and be reset as a whole;
a counter that went down says so, and then the later reading counts from zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dbtune.postgres.statements.facts import Entry, Key, Reading

_LONGEST_READING_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened between two readings.

    Attributes:
        seconds: time between them by the server's clock, unless that was set meanwhile.
        entries: entries with at least one call in between; counters hold the difference.
        restarted: entries that were reset or evicted in between and count from zero.
        vanished: entries of the first reading that are missing in the second.
        was_reset: all entries were reset in between.
    """

    seconds: float
    entries: tuple[Entry, ...]
    restarted: int
    vanished: int
    was_reset: bool


def difference(first: Reading, second: Reading, waited_seconds: float = 0) -> Difference:
    """What the second reading has beyond the first; texts come from the second.

    Args:
        first: the earlier reading.
        second: the later one.
        waited_seconds: what lay between them by a clock that nobody sets; 0 if it is not known.
    """
    before = {entry.key: entry for entry in first.entries}
    was_reset = first.stats_reset != second.stats_reset
    entries: list[Entry] = []
    restarted = 0
    for entry in second.entries:
        old = before.get(entry.key)
        if old is None:
            entries.append(entry)
        elif was_reset or _restarted(old, entry, first):
            restarted += 1
            entries.append(entry)
        else:
            entries.append(_subtract(old, entry))
    keys = {entry.key for entry in second.entries}
    return Difference(
        seconds=_seconds((second.at - first.at).total_seconds(), waited_seconds),
        entries=tuple(entry for entry in entries if entry.calls > 0),
        restarted=restarted,
        vanished=_vanished(before, keys),
        was_reset=was_reset,
    )


def _seconds(told: float, waited: float) -> float:
    """Of two readings, which take time themselves; what the server's clock can't mean, it was set
    to meanwhile."""
    set_meanwhile = waited and not waited - 1 <= told <= waited + _LONGEST_READING_SECONDS
    return max(waited if set_meanwhile else told, 1e-3)


def _vanished(before: dict[Key, Entry], keys: set[Key]) -> int:
    return sum(key not in keys for key in before)


def _restarted(old: Entry, new: Entry, first: Reading) -> bool:
    if new.stats_since is not None and new.stats_since > first.at:
        return True
    return any(value < old.counters.get(name, 0.0) for name, value in new.counters.items())


def _subtract(old: Entry, new: Entry) -> Entry:
    counters = {name: value - old.counters.get(name, 0.0) for name, value in new.counters.items()}
    return replace(
        new,
        counters=counters,
        stddev_ms=_stddev_between(old, new),
        # The extremes are of the entry's whole life: they tell nothing about the interval.
        min_ms=None,
        max_ms=None,
    )


def _stddev_between(old: Entry, new: Entry) -> float:
    """Standard deviation of the calls in between, by Chan's formula for merged samples backwards.

    pg_stat_statements keeps the population variance: sum of squares / calls (Welford).
    """
    calls = new.calls - old.calls
    if calls <= 0:
        return 0.0
    mean_old = old.total_ms / old.calls if old.calls else 0.0
    mean = (new.total_ms - old.total_ms) / calls
    squares = new.calls * new.stddev_ms**2 - old.calls * old.stddev_ms**2
    squares -= (mean - mean_old) ** 2 * old.calls * calls / new.calls
    return math.sqrt(max(squares, 0.0) / calls)
