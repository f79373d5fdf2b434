"""Reports kept for a while, so that polling costs a server nothing.

A report is made by one caller at a time, and one report at a time of each target; who asks
meanwhile gets the last one, or waits for the first. So a target sees at most one session of ours,
and each of its reports at most once in its time, however many ask.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dbtune.errors import DbtuneError, Exit
from dbtune.redaction import redact
from dbtune.report import Report

FAILURE_SECONDS = 10.0
"""For so long a failure is an answer as well: a server that is down isn't asked at each request."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it was made last, or why it could not be.

    Attributes:
        made_at: by the clock, in seconds.
        took_seconds: how long it took.
        report: the report; ``None`` if it failed.
        body: its text.
        error: a sentence, or "".
        code: the exit code that the command would have had.
    """

    made_at: float
    took_seconds: float
    report: Report | None
    body: bytes = b""
    error: str = ""
    code: int = Exit.OK

    @property
    def tag(self) -> str:
        """What tells one report from the next, for ``ETag``."""
        return hashlib.blake2s(self.body + self.error.encode(), digest_size=8).hexdigest()


@dataclass(slots=True)
class _Place:
    seconds: float
    make: Callable[[], Report]
    render: Callable[[Report], bytes]
    target: threading.Lock
    refreshing: threading.Lock = field(default_factory=threading.Lock)
    last: Kept | None = None
    refreshes: int = 0
    failures: int = 0


class Keeper:
    """Keeps one report under each key.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._places: dict[tuple[str, str], _Place] = {}
        self._targets: dict[str, threading.Lock] = {}

    def add(
        self,
        target: str,
        name: str,
        seconds: float,
        make: Callable[[], Report],
        render: Callable[[Report], bytes],
    ) -> None:
        """Keep a report.

        Args:
            target: whose it is; reports of one target are made one after the other.
            name: what it is called.
            seconds: how long it is good.
            make: makes it.
            render: makes its text.
        """
        lock = self._targets.setdefault(target, threading.Lock())
        self._places[target, name] = _Place(seconds, make, render, lock)

    def forget(self, target: str, name: str) -> None:
        """Keep a report no longer."""
        del self._places[target, name]

    def last(self, target: str, name: str) -> Kept | None:
        """The report as it was made last, however old; ``None`` before the first."""
        return self._places[target, name].last

    def counts(self, target: str, name: str) -> tuple[int, int]:
        """How often it was made, and how often that failed."""
        place = self._places[target, name]
        return place.refreshes, place.failures

    def age(self, kept: Kept) -> float:
        """Seconds since a report was made."""
        return self._clock() - kept.made_at

    def good_for(self, target: str, name: str, kept: Kept) -> float:
        """Seconds until a report is made anew."""
        place = self._places[target, name]
        seconds = place.seconds if kept.report is not None else min(FAILURE_SECONDS, place.seconds)
        return seconds - self.age(kept)

    def ready(self, target: str, name: str) -> tuple[Kept | None, bool]:
        """What can be answered at once, and whether it is to be made anew.

        What is a little too old is still an answer, while it is made anew: who polls never waits.
        """
        place = self._places[target, name]
        kept = place.last
        if kept is None:
            return None, True
        left = self.good_for(target, name, kept)
        if left > 0 or place.refreshing.locked():
            return kept, False
        return (kept if kept.report is not None and left > -place.seconds else None), True

    def get(self, target: str, name: str) -> Kept:
        """The report, made anew if it is too old and nobody else is at it. May take its time."""
        kept, old = self.ready(target, name)
        if kept is not None and not old:
            return kept
        place = self._places[target, name]
        with place.refreshing:
            if place.last and self.good_for(target, name, place.last) > 0:
                return place.last  # somebody was faster
            with place.target:
                place.last = made = self._made(place)
            return made

    def _made(self, place: _Place) -> Kept:
        started = self._clock()
        place.refreshes += 1
        try:
            report = place.make()
            body = place.render(report)
        except Exception as error:
            place.failures += 1
            known = isinstance(error, DbtuneError)
            text = str(error) if known else f"a bug in dbtune: {type(error).__name__}: {error}"
            code = error.exit_code if isinstance(error, DbtuneError) else Exit.BUG
            now = self._clock()
            return Kept(now, now - started, None, error=redact(text)[:2000], code=code)
        now = self._clock()
        return Kept(now, now - started, report, body)
