"""Facts of a snapshot, each made of its JSON once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from dbtune.compare.model import Period
from dbtune.errors import Unavailable
from dbtune.facts import Fact, Snapshot

T = TypeVar("T")


class Held:
    """A snapshot's facts: a source of facts that remembers them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._known: dict[str, Any] = {}

    def of(self, fact: Fact[Any, T]) -> T:
        """A fact.

        Raises:
            Unavailable: the snapshot lacks it.
            UsageError: the file is damaged there.
        """
        if fact.name not in self._known:
            try:
                self._known[fact.name] = self.snapshot.of(fact)
            except Unavailable as missing:
                self._known[fact.name] = missing
        found = self._known[fact.name]
        if isinstance(found, Unavailable):
            raise found
        value: T = found
        return value

    def maybe(self, fact: Fact[Any, T]) -> T | None:
        """A fact, or ``None`` if the snapshot lacks it."""
        try:
            return self.of(fact)
        except Unavailable:
            return None


class Span:
    """Facts at both ends of a period, and counters as what was counted between them.

    Attributes:
        start: where it begins; ``None`` if counters count since statistics began.
        end: where it ends.
    """

    def __init__(self, start: Held | None, end: Held) -> None:
        self.start, self.end = start, end

    def of(self, fact: Fact[Any, T]) -> T:
        """A fact at the end; of counters, what happened in the period.

        Raises:
            Unavailable: the snapshots lack it.
            UsageError: a file is damaged there.
        """
        late = self.end.of(fact)
        if self.start is None or fact.between is None:
            return late
        early = self.start.maybe(fact)
        return late if early is None else fact.between(early, late)

    def maybe(self, fact: Fact[Any, T]) -> T | None:
        """As :meth:`of`, or ``None``."""
        try:
            return self.of(fact)
        except Unavailable:
            return None

    def period(self, began: datetime | None) -> Period:
        """When that was.

        Args:
            began: when what it ends with began to be counted; ``None`` if that is not known.
        """
        end = self.end.snapshot.collected_at
        if self.start is not None:
            return Period(self.start.snapshot.collected_at, end, "between two snapshots")
        return Period(began, end, "since statistics began")
