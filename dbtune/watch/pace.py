"""How often each fact may be read, so that watching costs a server next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.01
"""Most of the time that a server may spend on reading one fact."""


ALWAYS = frozenset(
    {"server", "identity", "statements", "databases", "checkpoints", "status", "info"}
)
"""What each snapshot has: the counters that periods are made of, all read in milliseconds."""


class Pace:
    """Remembers what reading things took, and when they may be read again.

    Args:
        share: the share of the time that reading one thing may take.
        clock: seconds, for tests.
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        self._share, self._clock = share, clock
        self._next: dict[str, float] = {}

    def due(self, name: str) -> bool:
        """Whether it may be read now."""
        return name in ALWAYS or self._clock() >= self._next.get(name, -float("inf"))

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Measures what is read meanwhile."""
        began = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            self._next[name] = began + (ended - began) / self._share
