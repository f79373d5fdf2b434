"""Which snapshots are kept: counters only grow, so fewer snapshots of long ago lose no total."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

_HOUR = 3600.0
STEPS = ((2 * _HOUR, 0.0), (48 * _HOUR, 600.0), (float("inf"), _HOUR))
"""Up to what age in seconds, and one snapshot in how many: all, one in ten minutes, one an hour."""


def superfluous(
    times: Iterable[datetime], now: datetime, keep_seconds: float
) -> frozenset[datetime]:
    """Times of snapshots that need not be kept.

    Args:
        times: when they were taken.
        now: the present.
        keep_seconds: older ones go.
    """
    found = set()
    taken: set[tuple[float, int]] = set()
    for at in sorted(times):
        age = (now - at).total_seconds()
        if age > keep_seconds:
            found.add(at)
            continue
        every = next(every for most, every in STEPS if age <= most)
        if not every:
            continue
        # The first in each stretch of the clock stays, however often this is asked.
        place = (every, int(at.timestamp() // every))
        if place in taken:
            found.add(at)
        taken.add(place)
    return frozenset(found)
