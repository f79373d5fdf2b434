"""Which statement a text is, for a million texts a second that differ in their constants only.

The fingerprint of :mod:`dbtune.postgres.sqltext` decides, but taking a text apart costs a hundred
times what a log's line may cost. So texts are first folded in ways that are cheap and safe: texts
that are equal then have the same fingerprint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Generic, TypeVar

from dbtune.logs.blocks import decoded
from dbtune.postgres import TAG, is_own
from dbtune.postgres.sqltext import fingerprint

T = TypeVar("T")

_fingerprint = fingerprint.__wrapped__
"""Without its cache, which would keep texts of any length a second time."""
ZEROS = bytes.maketrans(b"0123456789", b"0" * 10)
"""Makes all digits equal: two texts with numbers of the same lengths become one."""
_MOST_BYTES, _ENTRY_BYTES = 12_000_000, 150
_LONGEST, _LONGEST_KEY = 8192, 1000

# What makes a text with equal digits another statement, or where a quote may be no string.
_DIGIT_IN_NAME = re.compile(rb"[A-Za-z_\"\x80-\xff]0")
_OPAQUE = re.compile(rb"\\|--|/\*|\$[A-Za-z_$\x80-\xff]")
_STRING = re.compile(rb"'[^']*'")
_STRING_OR_NAME = re.compile(rb"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(rb"(?<![\w$\"\x80-\xff])\d+")
_NUMBER_OR_NAME = re.compile(rb"(?<![\w$\x80-\xff])\d+|\"[^\"]*\"")


class _Cache(dict[bytes, T], Generic[T]):
    """A mapping that is emptied when its keys have become too large."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def keep(self, key: bytes, value: T) -> T:
        """Keep a value, and return it."""
        self._size += len(key) + _ENTRY_BYTES
        if self._size > _MOST_BYTES:
            self.clear()
            self._size = len(key)
        self[key] = value
        return value


class Texts(Generic[T]):
    """Finds what is kept for a statement by its text.

    Attributes:
        known: by the text with :data:`ZEROS`; what is not in it is asked of :meth:`find`.
    """

    def __init__(self, make: Callable[[str, str], T]) -> None:
        """Make an empty one.

        Args:
            make: called with fingerprint and text of each new statement; with :data:`TAG`, which
                no fingerprint is, in place of it for all that are dbtune's own.
        """
        self._make = make
        self._by_fingerprint: dict[str, T] = {}
        self.known: _Cache[T] = _Cache()
        self._exact: _Cache[T] = _Cache()
        self._folded: _Cache[T] = _Cache()

    def find(self, text: bytes, zeros: bytes) -> T:
        """What is kept for a statement.

        Args:
            text: the statement.
            zeros: the same with :data:`ZEROS`.
        """
        found = self._exact.get(text)
        if found is not None:
            return found
        if _OPAQUE.search(zeros):
            return self._exact.keep(text, self._by_text(text))
        folded = _fold(text)
        found = self._folded.get(folded)
        if found is None:
            found = self._folded.keep(folded, self._by_text(text))
        if b"'" in zeros:
            return found
        if _DIGIT_IN_NAME.search(zeros):
            return self._exact.keep(text, found)
        return self.known.keep(zeros, found)

    def of(self, text: bytes) -> T:
        """What is kept for a statement."""
        zeros = text.translate(ZEROS)
        found = self.known.get(zeros)
        return self.find(text, zeros) if found is None else found

    def forget(self) -> None:
        """Forget all; statements that come again are made anew."""
        for one in (self._by_fingerprint, self.known, self._exact, self._folded):
            one.clear()

    def _by_text(self, raw: bytes) -> T:
        if len(raw) > _LONGEST:  # whole rows of a list of VALUES, which folds to one
            raw = raw[:_LONGEST].rpartition(b")")[0] + b")"
        text = decoded(raw)
        key = TAG if is_own(text) else _fingerprint(text)
        if len(key) > _LONGEST_KEY:  # as good a name, and ten thousand of them take no memory
            key = hashlib.sha256(key.encode(errors="replace")).hexdigest()
        found = self._by_fingerprint.get(key)
        if found is None:
            found = self._by_fingerprint[key] = self._make(key, text)
        return found


def _fold(text: bytes) -> bytes:
    """The text with equal strings and numbers."""
    if b'"' in text:
        text = _STRING_OR_NAME.sub(_no_string, text)
        return _NUMBER_OR_NAME.sub(_no_number, text)
    return _NUMBER.sub(b"0", _STRING.sub(b"''", text))


def _no_string(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"''"


def _no_number(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"0"
