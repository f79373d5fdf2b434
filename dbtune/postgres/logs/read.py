"""Reading logs: files of any size and number, with every core, in bounded memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from glob import glob
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from dbtune.errors import UsageError
from dbtune.postgres.logs.blocks import Damaged, blocks
from dbtune.postgres.logs.clock import moment
from dbtune.postgres.logs.count import Counting
from dbtune.postgres.logs.detect import HEAD_BYTES, Detected, detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.formats import LogFormat
from dbtune.postgres.logs.period import as_logged
from dbtune.text import plain

STDIN = "-"
Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
_PART_BYTES = 64_000_000
"""Parts of this size are read at the same time; what sessions did before is not known in each."""
_LEAST_PART = 4_000_000
_LONGEST = 32_000_000
"""Bytes of one record that are read; a longer one is passed over."""
_SUFFIXES = (".log", ".csv", ".json", ".gz", ".bz2", ".xz", ".zst")


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


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that one process reads.

    Attributes:
        start, end: bytes; an end of -1 is the end of the file.
    """

    name: str
    detected: Detected
    start: int = 0
    end: int = -1


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
        elif matches := sorted(glob(name, recursive=True)):  # noqa: PTH207 -- absolute patterns
            found += [one for one in matches if Path(one).is_file()]
        elif path.exists():  # a named pipe
            found.append(name)
        else:
            raise UsageError(f"--log {plain(name)}: there is no such file")
    if not found:
        raise UsageError(f"--log {', '.join(map(plain, names))}: there is no log in it")
    return list(dict.fromkeys(found))


def read(names: Sequence[str], wanted: Wanted, progress: Progress | None = None) -> Digest:
    """The digest of some logs.

    Args:
        names: files; ``-`` is standard input.
        wanted: what of them.
        progress: shows how far they are read.

    Raises:
        UsageError: one of them can't be read, or is no log.
    """
    digest = Digest()
    parts: list[Part] = []
    for name in without_empty(names):
        if name == STDIN or not Path(name).is_file():
            with opened(name) as stream:
                count_stream(stream, name, wanted, digest)
        else:
            parts += split(name, look(name, wanted), wanted.jobs)
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
    digest.settle()
    return digest


def without_empty(names: Sequence[str]) -> list[str]:
    """Files with something in them, if any has: a new log is often empty after a rotation."""
    filled = [one for one in names if not Path(one).is_file() or Path(one).stat().st_size]
    return filled or list(names)


def _size(part: Part) -> int:
    return (part.end if part.end >= 0 else Path(part.name).stat().st_size) - part.start


def _cores() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        with Path(name).open("rb") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"{plain(name)} can't be read: {error.strerror or error}") from None


def look(name: str, wanted: Wanted) -> Detected:
    """The format of a file.

    Raises:
        UsageError: it can't be read, or is no log.
    """
    with opened(name) as stream:
        return detect(_head(blocks(stream, HEAD_BYTES)), name, wanted.format, wanted.prefix)


def _head(source: Iterator[bytes]) -> bytes:
    head = b""
    with contextlib.suppress(Damaged):
        for block in source:
            head += block
            if len(head) >= HEAD_BYTES:
                break
    return head


def split(name: str, detected: Detected, jobs: int = 0) -> list[Part]:
    """The parts of a file that can be read at the same time: each begins with a record."""
    size = Path(name).stat().st_size
    with opened(name) as stream:
        raw = stream.read(64)
        stream.seek(0)
        packed = next(blocks(stream, 64), b"")[:64] != raw
    if packed or not detected.is_plain:
        return [Part(name, detected)]
    count = max(jobs or _cores(), size // _PART_BYTES)
    step = max(_LEAST_PART, size // count + 1)
    starts = [0]
    with opened(name) as stream:
        for at in range(step, size, step):
            start = _start(stream, at, detected)
            if start is not None and start > starts[-1]:
                starts.append(start)
    ends = [*starts[1:], -1]
    return [Part(name, detected, start, end) for start, end in zip(starts, ends, strict=True)]


def _start(stream: IO[bytes], at: int, detected: Detected) -> int | None:
    """Where the first record starts at a position or after it."""
    stream.seek(at)
    text = stream.read(1_000_000)
    line = text.find(b"\n") + 1
    start = detected.format.start(text[line:]) if line else -1
    return None if start < 0 else at + line + start


# --- one part ------------------------------------------------------------------------------------


def count_part(part: Part, wanted: Wanted, digest: Digest, advance: Callable[[float], None]) -> int:
    """Add a part of a file to a digest; returns where it ended.

    Raises:
        UsageError: the file can't be read.
    """
    with opened(part.name) as stream:
        if part.start or part.end >= 0:
            stream.seek(part.start)
            source = _limited(stream, part.end - part.start if part.end >= 0 else -1)
        else:
            source = blocks(_Tracked(stream, advance))  # type: ignore[arg-type]
            advance = _nothing
        done = 0

        def tracked() -> Iterator[bytes]:
            nonlocal done
            for block in source:
                done += len(block)
                advance(done)
                yield block

        count_blocks(tracked(), part.name, part.detected, wanted, digest)
        return part.start + done


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
    head = _head(source)
    shown = "standard input" if name == STDIN else name
    detected = detect(head, shown, wanted.format, wanted.prefix)

    def whole() -> Iterator[bytes]:
        yield head
        yield from source

    count_blocks(whole(), shown, detected, wanted, digest)


def count_blocks(
    source: Iterator[bytes], name: str, detected: Detected, wanted: Wanted, digest: Digest
) -> None:
    """Add the blocks of a log to a digest."""
    format_, envelope = detected.format, detected.envelope()
    first = moment(detected.first)
    zone = first.tzinfo if first else None
    counting = Counting(
        format_,
        digest,
        show_parameters=wanted.show_parameters,
        since=as_logged(wanted.since, zone, epoch=format_.epoch),
        until=as_logged(wanted.until, zone, epoch=format_.epoch),
        database=wanted.database,
        user=wanted.user,
        samples=wanted.samples,
    )
    lines, records = b"", b""
    try:
        for block in source:
            lines += block
            end = lines.rfind(b"\n") + 1
            if not end:
                lines = _bounded(lines, digest)
                continue
            records += envelope.opened(lines[:end])
            lines = lines[end:]
            cut = format_.cut(records)
            if cut:
                counting.feed(records[:cut])
                records = records[cut:]
            records = _bounded(records, digest)
    except Damaged as error:
        digest.seen.damaged.append(f"{plain(name)}: {error}")
    records += envelope.opened(lines + b"\n") if lines else b""
    counting.feed(records + envelope.rest())
    counting.finish()


def _bounded(text: bytes, digest: Digest) -> bytes:
    """Text that waits for its end, unless it is too long to be a record."""
    if len(text) <= _LONGEST:
        return text
    digest.seen.bytes += len(text)
    digest.seen.skipped_lines += text.count(b"\n") + 1
    return b""


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
