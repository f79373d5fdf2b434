"""The lines of logs, for what reads operations one by one."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.logs.blocks import blocks
from dbtune.logs.files import STDIN, opened
from dbtune.logs.read import begun
from dbtune.mongo.logs.entries import HEAD_BYTES, Lines, detect


def lines_of(name: str) -> Iterator[bytes]:
    """The lines of a log, whatever is around them and however it is compressed.

    Raises:
        UsageError: it can't be read, or is no log.
        Damaged: an archive is broken; what stands before the damage has been read.
    """
    with opened(name) as stream:
        head, source = begun(blocks(stream), HEAD_BYTES)
        lines = Lines(detect(head, "standard input" if name == STDIN else name).envelope())
        for block in source:
            yield from lines.of(block)
        yield from lines.end()
