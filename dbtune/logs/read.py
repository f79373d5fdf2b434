"""Reading logs: files of any size and number, with every core, in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from dbtune.errors import UsageError
from dbtune.logs import parts as log_parts
from dbtune.logs.blocks import Damaged, blocks
from dbtune.logs.files import STDIN, head_of, is_packed, is_whole, opened, without_empty
from dbtune.logs.kind import DetectedT, DigestT, Kind, WantedT
from dbtune.logs.parts import Advance, Part, Progress, count_parts, opened_part
from dbtune.text import plain


def look(kind: Kind[WantedT, DetectedT, DigestT], name: str, wanted: WantedT) -> DetectedT:
    """The format of a file.

    Raises:
        UsageError: it can't be read, or is no log.
    """
    head = head_of(name, kind.head_bytes)
    try:
        return kind.detect(head, name, wanted)
    except UsageError:
        if len(head) < kind.head_bytes and is_packed(name) and not is_whole(name):
            raise UsageError(f"{plain(name)}: the archive is damaged near its beginning") from None
        raise


def look_if_log(
    kind: Kind[WantedT, DetectedT, DigestT],
    name: str,
    wanted: WantedT,
    named: Collection[str],
    digest: DigestT,
) -> DetectedT | None:
    """As :func:`look`; of what a pattern or a folder has found, what is no log is passed over.

    Args:
        kind: whose logs they are.
        name: the file.
        wanted: what a person says of its format.
        named: files that a person has named.
        digest: notes what is passed over.
    """
    try:
        return look(kind, name, wanted)
    except UsageError as error:
        if name in named:
            raise
        digest.seen.damage(f"passed over: {error}")
        return None


def read(
    kind: Kind[WantedT, DetectedT, DigestT],
    names: Sequence[str],
    wanted: WantedT,
    progress: Progress | None = None,
    named: Collection[str] | None = None,
) -> DigestT:
    """The digest of some logs.

    Args:
        kind: whose logs they are.
        names: files; ``-`` is standard input.
        wanted: what of them.
        progress: shows how far they are read.
        named: those that a person has named, if not all: of the others, what is no log is passed
            over.

    Raises:
        UsageError: one of them can't be read, or is no log, or none is.
    """
    digest = kind.digest()
    named = names if named is None else named
    parts: list[Part[DetectedT]] = []
    for name in without_empty(names):
        if name == STDIN or not Path(name).is_file():
            with opened(name) as stream:
                _count_stream(kind, stream, name, wanted, digest)
        else:
            detected = look_if_log(kind, name, wanted, named, digest)
            parts += split(kind, name, detected, wanted.jobs) if detected else []
    if digest.seen.damaged and not parts and not digest.seen.records:
        raise UsageError(digest.seen.damaged[0].removeprefix("passed over: "))
    read_parts(kind, parts, wanted, digest, progress)
    digest.settle()
    return digest


def read_parts(
    kind: Kind[WantedT, DetectedT, DigestT],
    parts: Sequence[Part[DetectedT]],
    wanted: WantedT,
    digest: DigestT,
    progress: Progress | None = None,
) -> None:
    """Add parts of files to a digest, several at the same time.

    Raises:
        UsageError: one of them can't be read.
    """
    count_parts(parts, partial(_count, kind, wanted), digest, wanted.jobs, progress)


def split(
    kind: Kind[WantedT, DetectedT, DigestT],
    name: str,
    detected: DetectedT,
    jobs: int = 0,
    start: int = 0,
    end: int = -1,
) -> list[Part[DetectedT]]:
    """The parts of a file that can be read at the same time, as :func:`dbtune.logs.parts.split`."""
    record_start = partial(kind.start, detected) if detected.is_plain else None
    return log_parts.split(name, detected, record_start, jobs, start, end)


def begun(source: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them; what is damaged there is told when they are read."""
    head, damaged = b"", None
    try:
        for block in source:
            head += block
            if len(head) >= size:
                break
    except Damaged as error:
        damaged = error

    def whole() -> Iterator[bytes]:
        yield head
        if damaged is not None:
            raise damaged
        yield from source

    return head, whole()


def count_blocks(
    kind: Kind[WantedT, DetectedT, DigestT],
    source: Iterator[bytes],
    name: str,
    detected: DetectedT,
    wanted: WantedT,
    digest: DigestT,
) -> None:
    """Add the blocks of a log to a digest."""
    stream = kind.stream(detected, wanted, digest)
    try:
        for block in source:
            stream.feed(block)
    except Damaged as error:
        digest.seen.damage(f"{plain(name)}: {error}")
    stream.finish()


def _count(
    kind: Kind[WantedT, DetectedT, DigestT],
    wanted: WantedT,
    part: Part[DetectedT],
    digest: DigestT,
    advance: Advance,
) -> None:
    with opened_part(part, advance, digest.seen.ends) as source:
        count_blocks(kind, source, part.name, part.detected, wanted, digest)


def _count_stream(
    kind: Kind[WantedT, DetectedT, DigestT],
    stream: IO[bytes],
    name: str,
    wanted: WantedT,
    digest: DigestT,
) -> None:
    """Add a stream that can be read once to a digest.

    Raises:
        UsageError: it is no log.
    """
    head, source = begun(blocks(stream), kind.head_bytes)
    shown = "standard input" if name == STDIN else name
    count_blocks(kind, source, shown, kind.detect(head, shown, wanted), wanted, digest)
