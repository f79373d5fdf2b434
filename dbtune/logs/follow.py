"""Watching logs while they are written: through rotation, truncation, and new files."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic

from dbtune.errors import UsageError
from dbtune.logs.files import STDIN, expand, is_packed
from dbtune.logs.kind import DetectedT, DigestT, Kind, Stream, WantedT
from dbtune.logs.read import look_if_log

_BLOCK_BYTES = 1 << 20
_PAUSE_SECONDS = 0.2
_LOOK_AGAIN_SECONDS = 1.0
"""How often patterns are looked up for new files."""
_MOST_OPEN = 200
_MARK_BYTES = 64
_MOST_UNKNOWN = 200_000
"""Bytes of a new file in which no format is recognised until it is passed over."""
_TAIL_BYTES = 1_000_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Interval(Generic[DigestT]):
    """What was logged in a time.

    Attributes:
        files: those that are watched.
        ended: nothing more will come.
    """

    digest: DigestT
    files: tuple[str, ...]
    ended: bool = False


def watch(
    kind: Kind[WantedT, DetectedT, DigestT],
    names: Sequence[str],
    wanted: WantedT,
    every_seconds: float,
    say: Say,
    clock: Callable[[], float] = time.monotonic,
    *,
    begun: bool = False,
) -> Iterator[Interval[DigestT]]:
    """What is logged from now on (with ``wanted.since``: from then on), time after time.

    Ends only when all that is watched is a pipe, and that ends. When it is closed or interrupted
    while it waits, what has come since is in the interval that :class:`Interrupted` has.

    Args:
        kind: whose logs they are.
        names: files, folders, patterns, or ``-`` for standard input.
        wanted: how to read them, and what of them.
        every_seconds: length of the intervals.
        say: told what a person should know meanwhile.
        clock: seconds that pass.
        begun: some of standard input is in its buffer: it has been looked at.

    Raises:
        UsageError: a file can't be read, or is no log.
        Interrupted: a person has interrupted it.
    """
    watched = _Watched(kind, names, wanted, say, begun=begun)
    due = clock() + every_seconds
    looked = clock()
    try:
        while watched.goes_on:
            if clock() - looked >= _LOOK_AGAIN_SECONDS:
                watched.look_again()
                looked = clock()
            idle = not watched.poll()
            if clock() >= due:
                yield watched.interval()
                due = max(due + every_seconds, clock())
            if idle:
                time.sleep(min(_PAUSE_SECONDS, max(0.0, due - clock())))
        yield watched.interval()
    except KeyboardInterrupt:
        raise Interrupted(watched.interval()) from None
    finally:
        watched.close()


class Interrupted(KeyboardInterrupt):
    """A person has interrupted the watch."""

    def __init__(self, last: Interval[Any]) -> None:
        super().__init__()
        self.last = last


class _Watched(Generic[WantedT, DetectedT, DigestT]):
    """All files that are watched, and the digest of the present interval."""

    def __init__(
        self,
        kind: Kind[WantedT, DetectedT, DigestT],
        names: Sequence[str],
        wanted: WantedT,
        say: Say,
        *,
        begun: bool,
    ) -> None:
        self._kind, self._names, self._wanted, self._say = kind, names, wanted, say
        self._digest = kind.digest()
        self._tails: dict[str, _Tail[WantedT, DetectedT, DigestT]] = {}
        self._left: dict[bytes, int] = {}
        """How far files were read that were rotated away, by their first bytes."""
        self._old: dict[str, tuple[int, int]] = {}
        """Inode and size of files that are not written to any more."""
        found = [one for one in expand(names) if one == STDIN or not is_packed(one)]
        files = sorted((one for one in found if one != STDIN), key=_modified, reverse=True)
        for name in files[_MOST_OPEN:]:
            stat = Path(name).stat()
            self._old[name] = (stat.st_ino, stat.st_size)
        for name in files[:_MOST_OPEN]:
            detected = look_if_log(kind, name, wanted, names, self._digest) if _size(name) else None
            if detected is not None or not _size(name):
                self._add(name, None if wanted.since else _end(name))
                self._tails[name].detected = detected
        self._pipe = _Tail(kind, STDIN, wanted, self._digest) if STDIN in found else None
        if self._pipe is not None:
            self._pipe.begun = begun

    @property
    def goes_on(self) -> bool:
        """Whether something may still come."""
        return bool(self._tails) or (self._pipe is not None and not self._pipe.ended)

    def look_again(self) -> None:
        """Watch files that are new."""
        try:
            found = expand(self._names)
        except UsageError:  # rotation has moved all of them away, for a moment
            return
        for name in found:
            if name == STDIN or name in self._tails:
                continue
            try:
                stat = Path(name).stat()
                inode, size = self._old.get(name, (0, 0))
                if (stat.st_ino, stat.st_size) == (inode, size) or is_packed(name):
                    continue
                mark = _mark(name)
            except (OSError, UsageError):
                continue
            live = [one for one in self._tails.values() if one.is_open]
            if any(one.inode == stat.st_ino or (mark and one.mark == mark) for one in live):
                continue  # renamed or copied: what it has is read by its old name
            start = size if stat.st_ino == inode else self._left.get(mark, 0)
            self._add(name, min(start, stat.st_size))

    def _add(self, name: str, start: int | None) -> None:
        self._tails[name] = _Tail(
            self._kind, name, self._wanted, self._digest, start or 0, self._leave
        )

    def _leave(self, mark: bytes, at: int) -> None:
        if len(mark) == _MARK_BYTES:
            self._left[mark] = at
        while len(self._left) > _MOST_OPEN:
            del self._left[next(iter(self._left))]

    def close(self) -> None:
        """Close all files."""
        for tail in self._tails.values():
            tail.close()

    def poll(self) -> bool:
        """Read what has come; whether there was anything."""
        known = [one.detected for one in self._tails.values() if one.detected is not None]
        any_new = False
        for tail in [*self._tails.values(), *filter(None, [self._pipe])]:
            try:
                any_new |= tail.poll(known)
            except _Unknown as unknown:
                self._say(f"not watched: {unknown}")
        return any_new

    def interval(self) -> Interval[DigestT]:
        """What has come since the last interval; the next begins."""
        done, self._digest = self._digest, self._kind.digest()
        for tail in [*self._tails.values(), *filter(None, [self._pipe])]:
            tail.go_on_in(self._digest)
        done.settle()
        files = tuple(sorted(self._tails)) or (STDIN,)
        return Interval(done, files, not self.goes_on)


class _Unknown(Exception):
    """A new file is no log."""


class _Tail(Generic[WantedT, DetectedT, DigestT]):
    """A file of which what is appended is read.

    Attributes:
        at: bytes that have been read.
        mark: the first bytes of the file.
        inode: of the file that is open.
        detected: its format, once it is known.
        ended: a pipe has ended.
        begun: what a pipe has in its buffer comes first.
    """

    def __init__(
        self,
        kind: Kind[WantedT, DetectedT, DigestT],
        name: str,
        wanted: WantedT,
        digest: DigestT,
        at: int = 0,
        leave: Callable[[bytes, int], None] = lambda _mark, _at: None,
    ) -> None:
        self.name, self.at = name, at
        self._kind, self._wanted, self._digest = kind, wanted, digest
        self.detected: DetectedT | None = None
        self.ended = self.begun = False
        self._stream: Stream | None = None
        self._head = b""
        self._leave = leave
        self.mark = b""
        self._given_up = False
        self._file: IO[bytes] | None = None
        self.inode = 0
        if name != STDIN:
            self._open(at)

    def poll(self, known: Sequence[DetectedT]) -> bool:
        """Read what has come; whether there was anything.

        Raises:
            _Unknown: it is no log; it is not read any more.
        """
        if self.name == STDIN:
            return self._poll_pipe(known)
        if self._file is None:
            return self._open(0) and self._rest(known)
        if os.fstat(self._file.fileno()).st_size < self.at or self._is_another():
            self._finish()  # it was emptied
            self._file.seek(0)
            self.at, self.mark = 0, b""
        any_new = self._rest(known)
        try:
            inode = Path(self.name).stat().st_ino
        except OSError:  # moved away; the next may come in a moment
            return any_new
        if inode != self.inode:
            any_new |= self._rest(known)
            self.close()
            any_new |= self._open(0) and self._rest(known)
        return any_new

    @property
    def is_open(self) -> bool:
        """Whether there is a file of that name."""
        return self._file is not None

    def go_on_in(self, digest: DigestT) -> None:
        """Count what has come in whole lines, and the rest in another digest."""
        self._digest = digest
        if self._stream is not None:
            self._stream.settle()
            self._stream.go_on_in(digest)

    def _open(self, at: int) -> bool:
        try:
            self._file = Path(self.name).open("rb")  # noqa: SIM115 -- as long as it is watched
        except OSError:
            return False
        self.inode = os.fstat(self._file.fileno()).st_ino
        self.mark = self._file.read(min(at, _MARK_BYTES))
        self._file.seek(at)
        self.at = at
        return True

    def close(self) -> None:
        """Count what has come, and close the file."""
        self._finish()
        if self._file is not None:
            self._file.close()
        self._file = None

    def _finish(self) -> None:
        self._leave(self.mark, self.at)
        if self._stream is not None:
            self._stream.finish()
        self._stream, self._head, self._given_up = None, b"", False

    def _is_another(self) -> bool:
        """Whether the file was emptied and is already longer than it was."""
        assert self._file is not None
        return bool(self.mark) and (os.pread(self._file.fileno(), len(self.mark), 0) != self.mark)

    def _rest(self, known: Sequence[DetectedT]) -> bool:
        any_new = False
        assert self._file is not None
        while block := self._file.read(_BLOCK_BYTES):
            if len(self.mark) < _MARK_BYTES and self.at == len(self.mark):
                self.mark += block[: _MARK_BYTES - len(self.mark)]
            self.at += len(block)
            any_new = True
            self._take(block, known)
        return any_new

    def _poll_pipe(self, known: Sequence[DetectedT]) -> bool:
        source: Any = sys.stdin.buffer
        if self.begun:
            block, self.begun = source.read1(_BLOCK_BYTES), False
        elif self.ended or not select.select([source], [], [], 0)[0]:
            return False
        else:
            block = os.read(source.fileno(), _BLOCK_BYTES)
        if not block:
            self.ended = True
            self._finish()
            return False
        self._take(block, known)
        return True

    def _take(self, block: bytes, known: Sequence[DetectedT]) -> None:
        if self._given_up:
            return
        if self._stream is not None:
            self._stream.feed(block)
            return
        self._head += block
        if b"\n" not in self._head:
            return
        self.detected = self._detect([*filter(None, [self.detected]), *known])
        if self.detected is not None:
            self._stream = self._kind.stream(self.detected, self._wanted, self._digest)
            self._stream.feed(self._head)
            self._head = b""

    def _detect(self, known: Sequence[DetectedT]) -> DetectedT | None:
        """A format that is known and fits, or else what a new file looks like."""
        for one in known:
            if self._kind.fits(one, self._head):
                return one
        shown = "standard input" if self.name == STDIN else self.name
        try:
            return self._kind.detect(self._head, shown, self._wanted)
        except UsageError as error:
            if len(self._head) < _MOST_UNKNOWN:
                return None
            self._given_up, self._head = True, b""
            raise _Unknown(str(error)) from None


def _mark(name: str) -> bytes:
    """The first bytes of a file; "" if it has not so many yet."""
    with Path(name).open("rb") as file:
        mark = file.read(_MARK_BYTES)
    return mark if len(mark) == _MARK_BYTES else b""


def _size(name: str) -> int:
    return Path(name).stat().st_size


def _modified(name: str) -> float:
    return Path(name).stat().st_mtime


def _end(name: str) -> int:
    """Where the last line of a file ends."""
    size = Path(name).stat().st_size
    with Path(name).open("rb") as file:
        start = max(0, size - _TAIL_BYTES)
        file.seek(start)
        tail = file.read(_TAIL_BYTES)
    return start + tail.rfind(b"\n") + 1
