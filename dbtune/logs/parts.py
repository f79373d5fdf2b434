"""Parts of logs, read at the same time by several processes, in bounded memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Generic, Protocol, TypeVar

from dbtune.errors import UsageError
from dbtune.logs.blocks import blocks
from dbtune.logs.files import is_packed, opened

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
Advance = Callable[[float], None]
_PART_BYTES = 64_000_000
"""Parts of this size are read at the same time; what sessions did before is not known in each."""
_LEAST_PART = 4_000_000
_LOOK_AHEAD = 1_000_000

FormatT = TypeVar("FormatT")


class Digest(Protocol):
    """What a log says; digests of parts can be added up."""

    def merge(self, other: Any, /) -> None:
        """Add the digest of another part."""


DigestT = TypeVar("DigestT", bound=Digest)


@dataclass(frozen=True, slots=True)
class Part(Generic[FormatT]):
    """A part of a file that one process reads.

    Attributes:
        name: the file.
        detected: its format.
        start, end: bytes; an end of -1 is the end of the file.
        packed: the file is compressed; bytes are those of its text then.
    """

    name: str
    detected: FormatT
    start: int = 0
    end: int = -1
    packed: bool = False

    @property
    def size(self) -> int:
        """Bytes that are read from the disk."""
        if self.packed:
            return Path(self.name).stat().st_size
        return (self.end if self.end >= 0 else Path(self.name).stat().st_size) - self.start


def split(
    name: str,
    detected: FormatT,
    record_start: Callable[[bytes], int] | None,
    jobs: int = 0,
    start: int = 0,
    end: int = -1,
) -> list[Part[FormatT]]:
    """The parts of a file that can be read at the same time: each begins with a record.

    Args:
        name: the file.
        detected: its format.
        record_start: where the first record starts in lines of it, -1 if none does; ``None`` if
            it must be read from its beginning.
        jobs: processes that read; 0 takes as many as there are cores.
        start, end: only these bytes of it; -1 is its end.
    """
    if is_packed(name):
        return [Part(name, detected, start, packed=True)]
    if record_start is None:
        return [Part(name, detected, start, end)]
    size = (end if end >= 0 else Path(name).stat().st_size) - start
    count = max(jobs or _cores(), size // _PART_BYTES)
    step = max(_LEAST_PART, size // count + 1)
    starts = [start]
    with opened(name) as stream:
        for at in range(start + step, start + size, step):
            found = _start(stream, at, record_start)
            if found is not None and starts[-1] < found < start + size:
                starts.append(found)
    ends = [*starts[1:], end]
    return [Part(name, detected, *both) for both in zip(starts, ends, strict=True)]


def _start(stream: IO[bytes], at: int, record_start: Callable[[bytes], int]) -> int | None:
    """Where the first record starts at a position or after it."""
    stream.seek(at)
    text = stream.read(_LOOK_AHEAD)
    line = text.find(b"\n") + 1
    start = record_start(text[line:]) if line else -1
    return None if start < 0 else at + line + start


def _cores() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# --- one part ------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened_part(
    part: Part[Any], advance: Advance, ends: dict[str, int]
) -> Iterator[Iterator[bytes]]:
    """The bytes of a part in blocks.

    Args:
        part: which.
        advance: told how many bytes of the disk have been read.
        ends: notes of a compressed file how many bytes it has uncompressed.

    Raises:
        UsageError: the file can't be read.
    """
    with opened(part.name) as stream:
        if part.packed:
            source = blocks(_Tracked(stream, advance))  # type: ignore[arg-type]
            yield _measured(source, part, ends)
        elif part.start or part.end >= 0:
            stream.seek(part.start)
            size = part.end - part.start if part.end >= 0 else -1
            yield _counted(_limited(stream, size), advance)
        else:
            yield _counted(blocks(stream), advance)


def _counted(source: Iterator[bytes], advance: Advance) -> Iterator[bytes]:
    done = 0
    for block in source:
        done += len(block)
        advance(done)
        yield block


def _measured(source: Iterator[bytes], part: Part[Any], ends: dict[str, int]) -> Iterator[bytes]:
    """The bytes of a compressed file from the part's start on; notes where it ends."""
    end = 0
    try:
        for block in source:
            begin, end = end, end + len(block)
            if end > part.start:
                yield block[max(0, part.start - begin) :]
    finally:
        ends[part.name] = end


class _Tracked:
    """A stream that tells how much of it has been read."""

    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream, self._advance, self._done = stream, advance, 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._done += len(data)
        self._advance(self._done)
        return data


def _limited(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (block := stream.read(1 << 20 if size < 0 else min(1 << 20, size))):
        size -= len(block) if size > 0 else 0
        yield block


# --- all of them ---------------------------------------------------------------------------------

Count = Callable[[Part[FormatT], DigestT, Advance], None]
"""Adds a part to a digest, telling how far it is; it must be possible to pickle it."""


def count_parts(
    parts: Sequence[Part[FormatT]],
    count: Count[FormatT, DigestT],
    digest: DigestT,
    jobs: int = 0,
    progress: Progress | None = None,
) -> None:
    """Add parts of files to a digest, several at the same time.

    Args:
        parts: which.
        count: reads one of them.
        digest: where they are added; those of other processes are made by its class.
        jobs: processes that read; 0 takes as many as there are cores.
        progress: shows how far they are read.

    Raises:
        UsageError: one of them can't be read.
    """
    size = sum(part.size for part in parts)
    jobs = min(jobs or _cores(), len(parts))
    shown = progress("reading logs", size) if progress and size > _LEAST_PART else None
    with shown or nullcontext(lambda _done: None) as advance:
        if jobs <= 1:
            done = 0
            for part in parts:
                count(part, digest, lambda read_, base=done: advance(base + read_))  # type: ignore[misc]
                done += part.size
        else:
            _in_processes(parts, count, digest, jobs, advance)


def _in_processes(
    parts: Sequence[Part[FormatT]],
    count: Count[FormatT, DigestT],
    digest: DigestT,
    jobs: int,
    advance: Advance,
) -> None:
    context = multiprocessing.get_context()
    following, done = context.Value("i", 0), context.Array("q", jobs)
    workers = []
    for number in range(jobs):
        mine, its = context.Pipe(duplex=False)
        arguments = (number, parts, count, type(digest), following, done, its)
        worker = context.Process(target=_work, args=arguments, daemon=True)
        worker.start()
        its.close()
        workers.append((worker, mine))
    try:
        for worker, mine in workers:
            while not mine.poll(0.1):
                advance(sum(done[:]))
            try:
                result = mine.recv()
            except EOFError:  # it was killed
                worker.join()
                raise UsageError(
                    f"a process that read the logs ended with {worker.exitcode}; "
                    "is there memory enough? --jobs 1 reads without others"
                ) from None
            if isinstance(result, BaseException):
                raise result
            digest.merge(result)
    finally:
        for worker, _ in workers:
            worker.terminate()
        for worker, _ in workers:
            worker.join()


def _work(
    number: int,
    parts: Sequence[Part[FormatT]],
    count: Count[FormatT, DigestT],
    make: Callable[[], DigestT],
    following: Any,
    done: Any,
    out: Connection,
) -> None:
    """Read part after part, whichever is the next; send the digest of all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    digest = make()
    base = 0

    def advance(read_: float) -> None:
        done[number] = base + int(read_)

    try:
        while True:
            with following.get_lock():
                at = following.value
                following.value += 1
            if at >= len(parts):
                break
            count(parts[at], digest, advance)
            base += parts[at].size
            done[number] = base
        out.send(digest)
    except Exception as error:  # for the error boundary of the command, which is not in here
        out.send(error)
