"""From the bytes of a log, which come in blocks of any size, to counted entries."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.logs.clock import moment
from dbtune.logs.period import as_logged
from dbtune.mongo.logs.count import Counting
from dbtune.mongo.logs.digest import Digest
from dbtune.mongo.logs.entries import Detected, Lines


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of logs.

    Attributes:
        since, until: which entries, as :func:`dbtune.logs.period.check_time` takes times.
        database: only operations in this database.
        jobs: processes that read; 0 takes as many as there are cores.
    """

    since: str = ""
    until: str = ""
    database: str = ""
    jobs: int = 0


class Stream:
    """Adds a log to a digest while its bytes come."""

    def __init__(self, detected: Detected, wanted: Wanted, digest: Digest) -> None:
        """Make one.

        Args:
            detected: how to read the log.
            wanted: what of it.
            digest: where it is added.
        """
        self._digest = digest
        first = moment(detected.first)
        zone = first.tzinfo if first else None
        self._counting = Counting(
            digest,
            since=as_logged(wanted.since, zone).replace(" ", "T"),
            until=as_logged(wanted.until, zone).replace(" ", "T"),
            database=wanted.database,
        )
        envelope = detected.envelope()
        self._form = f"MongoDB {envelope.name}".strip()
        self._lines = Lines(envelope)
        self._counted = digest.seen.records
        self._too_long = 0

    def feed(self, block: bytes) -> None:
        """Add some bytes."""
        self._counting.feed(self._lines.of(block))

    def settle(self) -> None:
        """Count what has come in whole lines."""
        self._counting.finish()
        seen = self._digest.seen
        seen.skipped_lines += self._lines.too_long - self._too_long
        self._too_long = self._lines.too_long
        count = seen.records - self._counted
        self._counted = seen.records
        if count:
            seen.formats[self._form] = seen.formats.get(self._form, 0) + count

    def finish(self) -> None:
        """Count what has come: nothing follows."""
        self._counting.feed(self._lines.end())
        self.settle()

    def go_on_in(self, digest: Digest) -> None:
        """Add what comes to another digest."""
        self._digest = digest
        self._counted = digest.seen.records
        self._counting.go_on_in(digest)
