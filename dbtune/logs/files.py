"""The files that a person names."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import IO, Any

from dbtune.errors import UsageError
from dbtune.logs.blocks import Damaged, blocks
from dbtune.text import plain

STDIN = "-"
_LOOKED_INTO: dict[str, IO[bytes]] = {}
"""Named pipes of which :func:`beginning` has seen something: they can be opened only once."""
_SUFFIXES = (".log", ".csv", ".json", ".gz", ".bz2", ".xz", ".zst")


def expand(names: Sequence[str]) -> list[str]:
    """The files that are meant: patterns and folders are replaced by what is in them.

    Raises:
        UsageError: there is no such file.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name == STDIN or path.is_file():
            found.append(name)
        elif path.is_dir():
            inside = sorted(str(one) for one in path.iterdir() if one.is_file())
            found += [one for one in inside if one.endswith(_SUFFIXES) or ".log" in Path(one).name]
        elif path.exists():  # a named pipe, or one that the shell made
            found.append(name)
        elif matches := sorted(glob(name, recursive=True)):  # noqa: PTH207 -- absolute patterns
            found += [one for one in matches if Path(one).is_file()]
        else:
            raise UsageError(f"--log {plain(name)}: there is no such file")
    if not found:
        raise UsageError(f"--log {', '.join(map(plain, names))}: there is no log in it")
    return list(dict.fromkeys(found))


def without_empty(names: Sequence[str]) -> list[str]:
    """Files with something in them, if any has: a new log is often empty after a rotation."""
    filled = [one for one in names if not Path(one).is_file() or Path(one).stat().st_size]
    return filled or list(names)


@contextlib.contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """A file, a pipe or standard input.

    Raises:
        UsageError: it can't be read.
    """
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with _LOOKED_INTO.pop(name, None) or Path(name).open("rb") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"{plain(name)} can't be read: {error.strerror or error}") from None


def head_of(name: str, size: int) -> bytes:
    """The first bytes of a file, decompressed; more if they come so.

    Raises:
        UsageError: it can't be read.
    """
    with opened(name) as stream:
        return first_of(blocks(stream, size), size)


def beginning(name: str, size: int = 4096) -> bytes:
    """The first bytes of a file, decompressed, without taking any from a pipe.

    Of a standard input that can't be looked into it knows nothing: "".

    Raises:
        UsageError: it can't be read.
    """
    if name != STDIN and Path(name).is_file():
        return head_of(name, size)
    stream: Any = sys.stdin.buffer if name == STDIN else _kept(name)
    peek: Callable[[int], bytes] = getattr(stream, "peek", lambda _size: b"")
    return first_of(blocks(io.BytesIO(peek(size)), size), size)


def _kept(name: str) -> IO[bytes]:
    """A named pipe, which stays open until it is read."""
    try:
        if name not in _LOOKED_INTO:
            _LOOKED_INTO[name] = Path(name).open("rb")  # noqa: SIM115 -- until it is read
    except OSError as error:
        raise UsageError(f"{plain(name)} can't be read: {error.strerror or error}") from None
    return _LOOKED_INTO[name]


def first_of(source: Iterator[bytes], size: int) -> bytes:
    """The first bytes that come, or some more."""
    head = b""
    with contextlib.suppress(Damaged):
        for block in source:
            head += block
            if len(head) >= size:
                break
    return head


def is_whole(name: str) -> bool:
    """Whether a compressed file can be read to its end."""
    try:
        with opened(name) as stream:
            for _ in blocks(stream):
                pass
    except Damaged:
        return False
    return True


def is_packed(name: str) -> bool:
    """Whether a file's bytes are not its text: it is compressed, or in UTF-16.

    Raises:
        UsageError: it can't be read.
    """
    with opened(name) as stream:
        raw = stream.read(64)
        stream.seek(0)
        with contextlib.suppress(Damaged):
            return next(blocks(stream, 64), b"")[:64] != raw
    return True
