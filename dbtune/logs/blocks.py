"""The bytes of an input in blocks, whatever it is compressed with; its memory is bounded."""

from __future__ import annotations

import bz2
import codecs
import lzma
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import IO, Any

from dbtune.errors import UsageError

BLOCK_BYTES = 1 << 20
_LITTLE = 1 << 14


class Damaged(Exception):
    """An archive that cannot be read to its end; what stands before the damage has been read."""


class _Inflate:
    """zlib's decompressor with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))


def blocks(stream: IO[bytes], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The bytes of a stream, decompressed (gzip, bzip2, xz, zstd), UTF-16 made UTF-8.

    Raises:
        UsageError: it is compressed with something that this Python can't undo.
        Damaged: an archive is broken, or its end is missing.
    """
    raw = _raw(stream, size)
    head = next(raw, b"")
    make = _decompressor(head)
    if make is not None:
        raw = _decompressed(head, raw, make, size)
        head = next(raw, b"")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # what PowerShell writes
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(head).encode()
        for block in raw:
            yield decoder.decode(block).encode()
        return
    if head:
        yield head
    yield from raw


def decoded(raw: bytes) -> str:
    """Text of a log in UTF-8 or, where it is none, in Latin-1: databases differ."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _raw(stream: IO[bytes], size: int) -> Iterator[bytes]:
    # A pipe gives what there is: the first bytes decide about compression, so have six of them.
    read: Callable[[int], bytes] = getattr(stream, "read1", None) or stream.read
    block = read(size)
    while 0 < len(block) < 6 and (more := read(size)):
        block += more
    while block:
        yield block
        block = read(size)


def _decompressor(head: bytes) -> Callable[[], Any] | None:
    if head.startswith(b"\x1f\x8b"):
        return _Inflate
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd()
    return None


def _zstd() -> Callable[[], Any]:
    """Python 3.14's decompressor of zstd, or that of one of the packages for older ones.

    Raises:
        UsageError: there is none.
    """
    for module in ("compression.zstd", "backports.zstd"):
        try:
            return getattr(import_module(module), "ZstdDecompressor")  # type: ignore[no-any-return]  # noqa: B009
        except ImportError:
            continue
    try:
        zstandard = import_module("zstandard")
    except ImportError:
        raise UsageError(
            "the input is compressed with zstd, which Python can undo from 3.14 on or with the "
            "package zstandard (pip install zstandard); or pipe it in: zstdcat FILE | dbtune ..."
        ) from None
    return lambda: _Zstandard(zstandard)


class _Zstandard:
    """The decompressor of the package zstandard with the interface of bz2's and lzma's.

    It knows no limit of what it returns, so it is given little at a time.
    """

    def __init__(self, module: Any) -> None:
        self._inner = module.ZstdDecompressor().decompressobj()
        self._error = module.ZstdError
        self._data, self._at = b"", 0

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._data[self._at :]

    @property
    def needs_input(self) -> bool:
        return self._at >= len(self._data)

    def decompress(self, data: bytes, _max_length: int = -1, /) -> bytes:
        if data:
            self._data, self._at = self._data[self._at :] + data, 0
        part = self._data[self._at : self._at + _LITTLE]
        self._at += len(part)
        try:
            return bytes(self._inner.decompress(part))
        except self._error as error:
            raise OSError(str(error)) from None


def _decompressed(
    head: bytes, raw: Iterator[bytes], make: Callable[[], Any], size: int
) -> Iterator[bytes]:
    """Undo compression: several archives may follow one another, as logrotate and cat make them."""
    data, done = head, False
    while not done:
        inner = make()
        try:
            while not inner.eof:
                block = inner.decompress(data, size)
                if block:
                    yield block
                data = b""
                if not inner.eof and inner.needs_input:
                    data = next(raw, b"")
                    if not data:
                        raise Damaged("the end of the archive is missing")
        except (OSError, lzma.LZMAError, zlib.error, EOFError, ValueError) as error:
            raise Damaged(f"the archive is damaged: {error}") from error
        data = inner.unused_data.lstrip(b"\0") or next(raw, b"").lstrip(b"\0")
        done = not data
