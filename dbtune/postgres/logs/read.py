"""Reading logs: files of any size and number, with every core, in bounded memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from dbtune.errors import UsageError
from dbtune.postgres.logs.blocks import blocks
from dbtune.postgres.logs.detect import HEAD_BYTES, Detected, detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.files import (
    STDIN,
    first_of,
    is_packed,
    look_if_log,
    opened,
    without_empty,
)
from dbtune.postgres.logs.stream import Wanted, count_blocks

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
_PART_BYTES = 64_000_000
"""Parts of this size are read at the same time; what sessions did before is not known in each."""
_LEAST_PART = 4_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that one process reads.

    Attributes:
        start, end: bytes; an end of -1 is the end of the file.
        packed: the file is compressed; bytes are those of its text then.
    """

    name: str
    detected: Detected
    start: int = 0
    end: int = -1
    packed: bool = False


def read(
    names: Sequence[str],
    wanted: Wanted,
    progress: Progress | None = None,
    named: Collection[str] | None = None,
) -> Digest:
    """The digest of some logs.

    Args:
        names: files; ``-`` is standard input.
        wanted: what of them.
        progress: shows how far they are read.
        named: those that a person has named, if not all: of the others, what is no log is passed
            over.

    Raises:
        UsageError: one of them can't be read, or is no log, or none is.
    """
    digest = Digest()
    named = names if named is None else named
    parts: list[Part] = []
    for name in without_empty(names):
        if name == STDIN or not Path(name).is_file():
            with opened(name) as stream:
                count_stream(stream, name, wanted, digest)
        else:
            detected = look_if_log(name, wanted, named, digest)
            parts += split(name, detected, wanted.jobs) if detected else []
    if digest.seen.damaged and not parts and not digest.seen.records:
        raise UsageError(digest.seen.damaged[0].removeprefix("passed over: "))
    read_parts(parts, wanted, digest, progress)
    digest.settle()
    return digest


def read_parts(
    parts: Sequence[Part], wanted: Wanted, digest: Digest, progress: Progress | None = None
) -> None:
    """Add parts of files to a digest, several at the same time.

    Raises:
        UsageError: one of them can't be read.
    """
    size = sum(_size(part) for part in parts)
    jobs = min(wanted.jobs or _cores(), len(parts))
    shown = progress("reading logs", size) if progress and size > _LEAST_PART else None
    with shown or nullcontext(lambda _done: None) as advance:
        if jobs <= 1:
            done = 0
            for part in parts:
                count_part(part, wanted, digest, lambda read_, base=done: advance(base + read_))  # type: ignore[misc]
                done += _size(part)
        else:
            _read_in_processes(parts, wanted, jobs, digest, advance)


def _size(part: Part) -> int:
    if part.packed:
        return Path(part.name).stat().st_size
    return (part.end if part.end >= 0 else Path(part.name).stat().st_size) - part.start


def _cores() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def split(
    name: str, detected: Detected, jobs: int = 0, start: int = 0, end: int = -1
) -> list[Part]:
    """The parts of a file that can be read at the same time: each begins with a record.

    Args:
        name: the file.
        detected: its format.
        jobs: processes that read; 0 takes as many as there are cores.
        start, end: only these bytes of it; -1 is its end.
    """
    if is_packed(name):
        return [Part(name, detected, start, packed=True)]
    if not detected.is_plain:
        return [Part(name, detected, start, end)]
    size = (end if end >= 0 else Path(name).stat().st_size) - start
    count = max(jobs or _cores(), size // _PART_BYTES)
    step = max(_LEAST_PART, size // count + 1)
    starts = [start]
    with opened(name) as stream:
        for at in range(start + step, start + size, step):
            found = _start(stream, at, detected)
            if found is not None and starts[-1] < found < start + size:
                starts.append(found)
    ends = [*starts[1:], end]
    return [Part(name, detected, *both) for both in zip(starts, ends, strict=True)]


def _start(stream: IO[bytes], at: int, detected: Detected) -> int | None:
    """Where the first record starts at a position or after it."""
    stream.seek(at)
    text = stream.read(1_000_000)
    line = text.find(b"\n") + 1
    start = detected.format.start(text[line:]) if line else -1
    return None if start < 0 else at + line + start


# --- one part ------------------------------------------------------------------------------------


def count_part(
    part: Part, wanted: Wanted, digest: Digest, advance: Callable[[float], None]
) -> None:
    """Add a part of a file to a digest.

    Raises:
        UsageError: the file can't be read.
    """
    with opened(part.name) as stream:
        if part.packed:
            source = blocks(_Tracked(stream, advance))  # type: ignore[arg-type]
            source, advance = _measured(source, part, digest), _nothing
        elif part.start or part.end >= 0:
            stream.seek(part.start)
            source = _limited(stream, part.end - part.start if part.end >= 0 else -1)
        else:
            source = blocks(stream)

        def tracked() -> Iterator[bytes]:
            done = 0
            for block in source:
                done += len(block)
                advance(done)
                yield block

        count_blocks(tracked(), part.name, part.detected, wanted, digest)


def _measured(source: Iterator[bytes], part: Part, digest: Digest) -> Iterator[bytes]:
    """The bytes of a compressed file from the part's start on; notes where it ends."""
    end = 0
    try:
        for block in source:
            begin, end = end, end + len(block)
            if end > part.start:
                yield block[max(0, part.start - begin) :]
    finally:
        digest.seen.ends[part.name] = end


def _nothing(_done: float) -> None:
    pass


class _Tracked:
    """A stream that tells how much of it has been read."""

    def __init__(self, stream: IO[bytes], advance: Callable[[float], None]) -> None:
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


def count_stream(stream: IO[bytes], name: str, wanted: Wanted, digest: Digest) -> None:
    """Add a stream that can be read once to a digest.

    Raises:
        UsageError: it is no log.
    """
    source = blocks(stream)
    head = first_of(source, HEAD_BYTES)
    shown = "standard input" if name == STDIN else name
    detected = detect(head, shown, wanted.format, wanted.prefix)

    def whole() -> Iterator[bytes]:
        yield head
        yield from source

    count_blocks(whole(), shown, detected, wanted, digest)


# --- several processes ---------------------------------------------------------------------------


def _read_in_processes(
    parts: Sequence[Part],
    wanted: Wanted,
    jobs: int,
    digest: Digest,
    advance: Callable[[float], None],
) -> None:
    context = multiprocessing.get_context()
    following, done = context.Value("i", 0), context.Array("q", jobs)
    workers = []
    for number in range(jobs):
        mine, its = context.Pipe(duplex=False)
        arguments = (number, parts, wanted, following, done, its)
        worker = context.Process(target=_work, args=arguments, daemon=True)
        worker.start()
        its.close()
        workers.append((worker, mine))
    try:
        for worker, mine in workers:
            while not mine.poll(0.1):
                advance(sum(done[:]))
                if not worker.is_alive() and not mine.poll():
                    raise UsageError(
                        f"a process that read the logs ended with {worker.exitcode}; "
                        "is there memory enough? --jobs 1 reads without others"
                    )
            result = mine.recv()
            if isinstance(result, BaseException):
                raise result
            digest.merge(result)
    finally:
        for worker, _ in workers:
            worker.terminate()
        for worker, _ in workers:
            worker.join()


def _work(
    number: int, parts: Sequence[Part], wanted: Wanted, following: Any, done: Any, out: Connection
) -> None:
    """Read part after part, whichever is the next; send the digest of all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    digest = Digest()
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
            count_part(parts[at], wanted, digest, advance)
            base += _size(parts[at])
            done[number] = base
        out.send(digest)
    except UsageError as error:
        out.send(error)
