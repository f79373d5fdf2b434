"""Reading logs: files of any size and number, with every core, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dbtune.errors import UsageError
from dbtune.logs.blocks import Damaged, blocks
from dbtune.logs.clock import moment
from dbtune.logs.files import STDIN, expand, head_of, opened, without_empty
from dbtune.logs.parts import Advance, Part, Progress, count_parts, opened_part, split
from dbtune.logs.period import as_logged
from dbtune.mongo.logs.count import Counting
from dbtune.mongo.logs.digest import Digest
from dbtune.mongo.logs.entries import HEAD_BYTES, Detected, Lines, detect, start
from dbtune.text import plain


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of logs.

    Attributes:
        since, until: which entries, as :func:`dbtune.logs.period.check_time` takes times.
        database: only operations in this database.
        jobs: processes that read; 0 takes as many as there are cores.
    """

    since: str = ""
    until: str = ""
    database: str = ""
    jobs: int = 0


def read(names: Sequence[str], wanted: Wanted, progress: Progress | None = None) -> Digest:
    """The digest of some logs.

    Args:
        names: files, folders, patterns; ``-`` is standard input. Of what a pattern or a folder
            has found, what is no log is passed over.
        wanted: what of them.
        progress: shows how far they are read.

    Raises:
        UsageError: one of them can't be read, or is no log, or none is.
    """
    digest = Digest()
    parts: list[Part[Detected]] = []
    for name in without_empty(expand(names)):
        if name == STDIN or not Path(name).is_file():
            with opened(name) as stream:
                head, source = _begun(blocks(stream))
                shown = "standard input" if name == STDIN else name
                _count_blocks(source, shown, detect(head, shown), wanted, digest)
            continue
        try:
            detected = detect(head_of(name, HEAD_BYTES), name)
        except UsageError as error:
            if name in names:
                raise
            digest.seen.damage(f"passed over: {error}")
            continue
        parts += split(name, detected, start if detected.is_plain else None, wanted.jobs)
    if digest.seen.damaged and not parts and not digest.seen.records:
        raise UsageError(digest.seen.damaged[0].removeprefix("passed over: "))
    count_parts(parts, partial(_count, wanted), digest, wanted.jobs, progress)
    digest.bound()
    return digest


def lines_of(name: str) -> Iterator[bytes]:
    """The lines of a log, whatever is around them and however it is compressed.

    Raises:
        UsageError: it can't be read, or is no log.
        Damaged: an archive is broken; what stands before the damage has been read.
    """
    with opened(name) as stream:
        head, source = _begun(blocks(stream))
        lines = Lines(detect(head, "standard input" if name == STDIN else name).envelope())
        for block in source:
            yield from lines.of(block)
        yield from lines.end()


def _begun(source: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them; what is damaged there is told when they are read."""
    head, damaged = b"", None
    try:
        for block in source:
            head += block
            if len(head) >= HEAD_BYTES:
                break
    except Damaged as error:
        damaged = error

    def whole() -> Iterator[bytes]:
        yield head
        if damaged is not None:
            raise damaged
        yield from source

    return head, whole()


def _count(wanted: Wanted, part: Part[Detected], digest: Digest, advance: Advance) -> None:
    with opened_part(part, advance, digest.seen.ends) as source:
        _count_blocks(source, part.name, part.detected, wanted, digest)


def _count_blocks(
    source: Iterable[bytes], name: str, detected: Detected, wanted: Wanted, digest: Digest
) -> None:
    first = moment(detected.first)
    zone = first.tzinfo if first else None
    counting = Counting(
        digest,
        since=as_logged(wanted.since, zone).replace(" ", "T"),
        until=as_logged(wanted.until, zone).replace(" ", "T"),
        database=wanted.database,
    )
    envelope = detected.envelope()
    lines = Lines(envelope)
    before = digest.seen.records
    try:
        for block in source:
            counting.feed(lines.of(block))
    except Damaged as error:
        digest.seen.damage(f"{plain(name)}: {error}")
    counting.feed(lines.end())
    counting.finish()
    digest.seen.skipped_lines += lines.too_long
    form = f"MongoDB {envelope.name}".strip()
    count = digest.seen.formats.get(form, 0) + digest.seen.records - before
    digest.seen.formats[form] = count
