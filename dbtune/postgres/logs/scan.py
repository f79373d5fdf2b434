"""Lines of a log of any size, most of which are passed over without being looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_LONGEST_LINE = 32_000_000
"""Bytes of a line, or of a record, that are kept; what is beyond is lost."""
_LONGEST_START = 1_000_000
"""Bytes of a line in which something was to be found that are kept before it."""

Passed = Callable[[int, bytes], None]


class Scanner:
    """A cursor over the lines of an input, which can leap to the next line that has a mark.

    Attributes:
        number: number of the line that was read last, from 1.
        passed: called with what :meth:`leap` passes over (whole lines, or parts of a very long one)
            and with the number of its first line.
    """

    def __init__(self, blocks: Iterable[bytes], passed: Passed | None = None) -> None:
        self._blocks = iter(blocks)
        self._buffer = b""
        self._at = 0
        self._back: list[bytes] = []
        self.number = 0
        self.passed = passed

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next line, with its line break."""
        self.number += 1
        if self._back:
            return self._back.pop()
        searched = self._at
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer) - self._at
            if not self._more():
                return self._rest()
        line = self._buffer[self._at : end + 1]
        self._at = end + 1
        return line

    def give_back(self, *lines: bytes) -> None:
        """Have lines read again; the first of them is the next."""
        self._back.extend(reversed(lines))
        self.number -= len(lines)

    def leap(self, mark: bytes) -> bool:
        """Go to the start of the next line that has a mark; false if there is none."""
        while self._back:
            if mark in self._back[-1]:
                return True
            line = self._back.pop()
            self.number += 1
            if self.passed is not None:
                self.passed(self.number, line)
        searched = self._at
        while (found := self._buffer.find(mark, searched)) < 0:
            start = self._buffer.rfind(b"\n", self._at) + 1 or self._at
            start = max(start, len(self._buffer) - _LONGEST_START)
            self._pass_to(start)
            searched = max(0, len(self._buffer) - start - len(mark))
            if not self._more():
                self._pass_to(len(self._buffer))
                return False
        self._pass_to(self._buffer.rfind(b"\n", self._at, found) + 1 or self._at)
        return True

    def match(self, pattern: re.Pattern[bytes]) -> bytes:
        """What a pattern matches here, taken out of the input, as long as a record may be.

        Args:
            pattern: it has to match at the end of what is known, too, when that may go on.
        """
        if self._back:
            self._buffer = b"".join([*reversed(self._back), self._buffer[self._at :]])
            self._back, self._at = [], 0
        while True:
            found = pattern.match(self._buffer, self._at)
            end = self._at if found is None else found.end()
            if end < len(self._buffer) or end - self._at > _LONGEST_LINE or not self._more():
                break
        text = self._buffer[self._at : end]
        self.number += text.count(b"\n")
        self._at = end
        return text

    def _rest(self) -> bytes:
        line, self._buffer, self._at = self._buffer[self._at :], b"", 0
        if not line:
            self.number -= 1
            raise StopIteration
        return line

    def _more(self) -> bool:
        """Add as much to the buffer as it has; false at the end of the input."""
        kept = self._buffer[self._at :]
        parts = [kept]
        wanted = max(1, len(kept))
        for block in self._blocks:
            if len(kept) < _LONGEST_LINE or b"\n" in block:
                parts.append(block)
                wanted -= len(block)
            if wanted <= 0:
                break
        self._buffer, self._at = b"".join(parts), 0
        return len(parts) > 1

    def _pass_to(self, end: int) -> None:
        if self.passed is not None and end > self._at:
            self.passed(self.number + 1, self._buffer[self._at : end])
        self.number += self._buffer.count(b"\n", self._at, end)
        self._at = end
