"""Reading logs: files of any size and number, with every core, in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from dbtune.errors import UsageError
from dbtune.logs import parts as log_parts
from dbtune.logs.blocks import blocks
from dbtune.logs.files import STDIN, first_of, opened, without_empty
from dbtune.logs.parts import Advance, Progress, count_parts, opened_part
from dbtune.postgres.logs.detect import HEAD_BYTES, Detected, detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.look import look_if_log
from dbtune.postgres.logs.stream import Wanted, count_blocks

Part = log_parts.Part[Detected]


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
    count_parts(parts, partial(_count, wanted), digest, wanted.jobs, progress)


def split(
    name: str, detected: Detected, jobs: int = 0, start: int = 0, end: int = -1
) -> list[Part]:
    """The parts of a file that can be read at the same time, as :func:`dbtune.logs.parts.split`."""
    record_start = detected.format.start if detected.is_plain else None
    return log_parts.split(name, detected, record_start, jobs, start, end)


def _count(wanted: Wanted, part: Part, digest: Digest, advance: Advance) -> None:
    with opened_part(part, advance, digest.seen.ends) as source:
        count_blocks(source, part.name, part.detected, wanted, digest)


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
