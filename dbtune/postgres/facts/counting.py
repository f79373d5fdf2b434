"""What counters have in common: differences, and what a reset in between means."""

from __future__ import annotations

from datetime import datetime

from dbtune.errors import Unavailable


def grown(first: float, second: float, *, reset: bool) -> float:
    """How much a counter grew; all of the second reading if it was reset in between."""
    return second if reset or second < first else second - first


def seconds_between(first: datetime, second: datetime) -> float:
    """Seconds between two readings, never 0, so that rates can be made of it.

    Raises:
        Unavailable: the server's clock was set back in between.
    """
    if second < first:
        raise Unavailable("the server's clock was set back meanwhile")
    return max((second - first).total_seconds(), 1e-3)
