"""From the bytes of a log, which come in blocks of any size, to counted records."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.logs.clock import moment
from dbtune.logs.period import as_logged
from dbtune.postgres.logs.count import Counting
from dbtune.postgres.logs.detect import Detected
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.formats import LogFormat

_LONGEST = 32_000_000
"""Bytes of one record that are read; a longer one is passed over."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of logs.

    Attributes:
        format, prefix: what they say of the format; ``None``: the prefix is read off the lines.
        since, until: which records, as :func:`~.period.check_time` takes times; "" for all.
        database, user: which sessions; "" for all.
        show_parameters: keep constants of single statements.
        jobs: processes that read; 0 takes as many as there are cores.
        samples: executions of each statement to keep, with their constants.
    """

    format: LogFormat = LogFormat.auto
    prefix: str | None = None
    since: str = ""
    until: str = ""
    database: str = ""
    user: str = ""
    show_parameters: bool = False
    jobs: int = 0
    samples: int = 0


class Stream:
    """Adds a log to a digest while its bytes come."""

    def __init__(self, detected: Detected, wanted: Wanted, digest: Digest) -> None:
        """Make one.

        Args:
            detected: how to read the log.
            wanted: what of it.
            digest: where it is added.
        """
        self._format, self._envelope = detected.format, detected.envelope()
        self._digest = digest
        first = moment(detected.first)
        zone = first.tzinfo if first else None
        self._counting = Counting(
            self._format,
            digest,
            show_parameters=wanted.show_parameters,
            since=as_logged(wanted.since, zone, epoch=self._format.epoch),
            until=as_logged(wanted.until, zone, epoch=self._format.epoch),
            database=wanted.database,
            user=wanted.user,
            samples=wanted.samples,
        )
        self._lines, self._records = b"", b""
        self._in_long_line = False

    def feed(self, block: bytes) -> None:
        """Add some bytes."""
        if self._in_long_line:
            end = block.find(b"\n") + 1
            self._digest.seen.bytes += end or len(block)
            if not end:
                return
            self._in_long_line, block = False, block[end:]
        self._lines += block
        end = self._lines.rfind(b"\n") + 1
        if not end:
            kept = len(self._lines)
            self._lines = self._bounded(self._lines)
            self._in_long_line = kept > len(self._lines)
            return
        self._records += self._envelope.opened(self._lines[:end])
        self._lines = self._lines[end:]
        cut = self._format.cut(self._records)
        if cut:
            self._counting.feed(self._records[:cut])
            self._records = self._records[cut:]
        self._records = self._bounded(self._records)

    def settle(self) -> None:
        """Count what has come in whole lines: nothing follows soon that belongs to it."""
        self._counting.feed(self._records + self._envelope.rest())
        self._records = b""
        self._counting.finish()

    def finish(self) -> None:
        """Count what has come: nothing follows."""
        if self._lines:
            self._records += self._envelope.opened(self._lines + b"\n")
            self._lines = b""
        self.settle()

    def go_on_in(self, digest: Digest) -> None:
        """Add what comes to another digest, knowing the sessions still."""
        self._digest = digest
        self._counting.go_on_in(digest)

    def _bounded(self, text: bytes) -> bytes:
        """Text that waits for its end, unless it is too long to be a record."""
        if len(text) <= _LONGEST:
            return text
        self._digest.seen.bytes += len(text)
        self._digest.seen.skipped_lines += text.count(b"\n") + 1
        return b""
