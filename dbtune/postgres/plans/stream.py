"""Lines of an input of any size: decompressed, decoded, numbered, and quickly skipped.

Most of a server's log is not about plans. What is not is never made lines of: it is searched as
bytes, a block at a time, and its line breaks are counted.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
from collections.abc import Iterator
from importlib import import_module
from typing import IO, Any, cast

from dbtune.errors import UsageError

Input = str | bytes | IO[str] | IO[bytes]

_BLOCK = 1 << 20
MOST_OF_A_LINE = 64 * 1024**2
"""Bytes of a line that are kept: one without an end must not fill the memory."""
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class Lines:
    """The lines of an input, without their line breaks; an iterator.

    Attributes:
        number: the line that was given last, from 1.
        cut: lines of which something was left out, because they were too long.
    """

    def __init__(self, source: Input) -> None:
        self._stream = opened(source)
        self._block = b""
        self._at = 0
        self._given_back: str | None = None
        self._ended = False
        self.number = 0
        self.cut = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._given_back is not None:
            line, self._given_back = self._given_back, None
            self.number += 1
            return line
        end = self._block.find(b"\n", self._at)
        while end < 0:
            if not self._more():
                return self._last()
            end = self._block.find(b"\n", self._at)
        raw = self._block[self._at : end]
        self._at = end + 1
        self.number += 1
        return raw.decode("utf-8", "replace")

    def give_back(self, line: str) -> None:
        """Have the line that was given last come again."""
        self._given_back = line
        self.number -= 1

    def skip_to(self, word: bytes) -> bool:
        """Pass over all lines before the next that has a word in it; false at the end."""
        if self._given_back is not None:
            if word in self._given_back.encode("utf-8", "replace"):
                return True
            self._given_back = None
            self.number += 1
        while True:
            found = self._block.find(word, self._at)
            if found >= 0:
                start = self._block.rfind(b"\n", self._at, found) + 1 or self._at
                self.number += self._block.count(b"\n", self._at, start)
                self._at = start
                return True
            # Keep the line that the block ends in: the word may go on in the next block.
            start = self._block.rfind(b"\n", self._at) + 1 or self._at
            self.number += self._block.count(b"\n", self._at, start)
            self._at = start
            if not self._more():
                self._at = len(self._block)
                return False

    def _more(self) -> bool:
        """Read on; false at the end. The line that was begun stays, up to a length."""
        if self._ended:
            return False
        block = self._stream.read(_BLOCK)
        if not block:
            self._ended = True
            return False
        rest = self._block[self._at :]
        if len(rest) > MOST_OF_A_LINE:
            rest, block = rest[:MOST_OF_A_LINE], self._rest_of_line(block)
        self._block, self._at = rest + block, 0
        return True

    def _rest_of_line(self, block: bytes) -> bytes:
        """What comes behind the present line, which is too long; "" at the end of the input."""
        self.cut += 1
        while block:
            end = block.find(b"\n")
            if end >= 0:
                return block[end:]
            block = self._stream.read(_BLOCK) or b""
        return b""

    def _last(self) -> str:
        raw, self._block, self._at = self._block[self._at :], b"", 0
        if not raw:
            raise StopIteration
        self.number += 1
        return raw.decode("utf-8", "replace")


def opened(source: Input) -> IO[bytes]:
    """An input as a stream of bytes in UTF-8, decompressed.

    Raises:
        UsageError: it is compressed in a way that nothing here can read.
    """
    if isinstance(source, str):
        return io.BytesIO(source.encode("utf-8", "replace"))
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if isinstance(source.read(0), str):
        return cast("IO[bytes]", _Encoded(cast("IO[str]", source)))
    binary = _buffered(cast("IO[bytes]", source))
    head = binary.peek(8)
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
    if kind:
        binary = _buffered(_decompressed(binary, kind))
    # UTF-16 is what PowerShell writes.
    if binary.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        text = io.TextIOWrapper(binary, "utf-16", errors="replace", newline="\n")
        return cast("IO[bytes]", _Encoded(text))
    return binary


def _decompressed(binary: IO[bytes], kind: str) -> IO[bytes]:
    if kind == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=binary))
    if kind == "bz2":
        return cast("IO[bytes]", bz2.BZ2File(binary))
    if kind == "xz":
        return cast("IO[bytes]", lzma.LZMAFile(binary))  # whoever reads it, closes it
    for name in ("compression.zstd", "zstandard"):
        try:
            module: Any = import_module(name)
        except ImportError:
            continue
        return cast("IO[bytes]", module.open(binary, "rb"))
    raise UsageError(
        "the input is compressed with zstd, which this Python can't read: "
        "pip install zstandard, or pipe it: zstd -dc FILE | dbtune explain"
    )


class _Encoded:
    """A stream of text as one of bytes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(size).encode("utf-8", "replace")


def _buffered(binary: IO[bytes]) -> io.BufferedReader:
    if isinstance(binary, io.BufferedReader):
        return binary
    return io.BufferedReader(cast("io.RawIOBase", binary), _BLOCK)
