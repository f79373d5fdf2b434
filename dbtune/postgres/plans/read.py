"""Reading plans: from a text, a file, standard input, or a server's log of any size."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import IO, cast

from dbtune.errors import UsageError
from dbtune.postgres.plans.build import build, version_of
from dbtune.postgres.plans.frames import unframe
from dbtune.postgres.plans.lines import Line, PlanSyntaxError, number_lines
from dbtune.postgres.plans.logs import Entry, is_record, split_log
from dbtune.postgres.plans.model import Plan, Source
from dbtune.postgres.plans.paste import Found, find_plan, find_plans
from dbtune.text import plural

Input = str | bytes | IO[str] | IO[bytes]
Unreadable = Callable[[UsageError], None]

_MOST_UNSORTED = 4_000_000
"""Characters after which it is decided whether an input is a log, whose records are no plans."""
_MOST_PASTED = 64_000_000
"""Characters that are searched for pasted plans."""


def read_plans(source: Input, *, unreadable: Unreadable | None = None) -> list[Plan]:
    """All plans of an input: those of a log's entries, then those that are pasted.

    Args:
        source: a text, bytes, or a stream; compressed with gzip, bzip2 or xz if it is bytes.
        unreadable: called with the error for each thing that looks like a plan and cannot be read.
            Without it, such a thing is an error, except in a log from which other plans were read.

    Raises:
        UsageError: there is no plan, or one cannot be read.
    """
    problems: list[UsageError] = []
    plans = list(iter_plans(source, unreadable=unreadable or problems.append))
    pasted = [one for one in plans if one.source.origin == "paste"]
    if problems and not (plans and not pasted):
        raise problems[0]
    if not plans and unreadable is None:
        raise UsageError(
            "line 1, column 1: expected a plan: the output of EXPLAIN in any format, "
            "or a log with entries of auto_explain"
        )
    return plans


def iter_plans(source: Input, *, unreadable: Unreadable) -> Iterator[Plan]:
    """As :func:`read_plans`, one by one, and in constant memory if the input is a log.

    It yields nothing if there is no plan.
    """
    pasted = _Pasted()
    is_log = False
    for part in _checked(split_log(_lines(source))):
        if isinstance(part, Entry):
            is_log |= not part.open_ended
            yield from _read_entry(part, unreadable)
        elif not is_log:
            pasted.add(part)
    if not is_log:
        yield from _read_pasted(pasted.lines, unreadable)


class _Pasted:
    """Lines outside a log's entries, in which plans may be pasted; of a log, hardly any."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._size = 0
        self._is_log: bool | None = None

    def add(self, line: Line) -> None:
        """Keep a line, unless it is one of a log.

        Raises:
            UsageError: there is too much that is neither.
        """
        if self._is_log and is_record(line.text):
            return
        self.lines.append(line)
        self._size += len(line.text) + 1
        if self._is_log is None and self._size > _MOST_UNSORTED:
            records = [one for one in self.lines if is_record(one.text)]
            self._is_log = len(records) > len(self.lines) / 10
            if self._is_log:
                self.lines = [one for one in self.lines if not is_record(one.text)]
                self._size = sum(len(one.text) + 1 for one in self.lines)
        if self._size > _MOST_PASTED:
            if not self._is_log:
                raise UsageError(
                    f"line {line.number}, column 1: expected the end of a plan, "
                    f"or a log with entries of auto_explain"
                )
            self.lines, self._size = [], 0


def _checked(parts: Iterator[Entry | Line]) -> Iterator[Entry | Line]:
    """The parts of an input, an archive that is damaged being an error of the user's."""
    try:
        yield from parts
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise UsageError(f"the input could not be read to its end: {error}") from error


def _read_pasted(lines: list[Line], unreadable: Unreadable) -> Iterator[Plan]:
    cleaned = [line for one in lines for line in number_lines([one.text], one.number)]
    framed = unframe(cleaned)
    for found in _guarded(find_plans(framed), unreadable):
        yield from _plan(found, Source(found.format, line=found.line), unreadable)


def _read_entry(entry: Entry, unreadable: Unreadable) -> Iterator[Plan]:
    """The plan of an entry; where nothing marked its end, plans that are pasted after it."""
    body = unframe(entry.body) if entry.open_ended else entry.body
    first = True
    for found in _guarded(find_plans(body) if entry.open_ended else find_plan(body), unreadable):
        source = Source(found.format, "log", entry.line, entry.context)
        if first:
            yield from _plan(found, source, unreadable, entry.duration_ms)
        else:
            yield from _plan(found, Source(found.format, line=found.line), unreadable)
        first = False
    if first:
        unreadable(UsageError(f"line {entry.line}, column 1: expected a plan in this entry"))


def _guarded(found: Iterator[Found], unreadable: Unreadable) -> Iterator[Found]:
    """Plans up to the first that cannot be read."""
    count = 0
    try:
        for one in found:
            count += 1
            yield one
    except PlanSyntaxError as error:
        read = f"; {plural(count, 'plan')} read before it" if count else ""
        unreadable(UsageError(f"{error}{read}"))


def _plan(
    found: Found, source: Source, unreadable: Unreadable, duration_ms: float | None = None
) -> Iterator[Plan]:
    try:
        document = found.document
        version = version_of(document)
        source = replace(source, version_guess=version, warnings=tuple(document.warnings))
        yield build(document, source, duration_ms)
    except RecursionError:
        unreadable(UsageError(f"line {found.line}, column 1: expected fewer levels of nesting"))


# --- text from whatever it is in -----------------------------------------------------------------


def _lines(source: Input) -> Iterable[str]:
    """The lines of an input, decoded and decompressed."""
    if isinstance(source, str):
        return source.split("\n")
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if isinstance(source.read(0), str):
        return cast("IO[str]", source)
    binary = _buffered(cast("IO[bytes]", source))
    head = binary.peek(8)
    if head.startswith(b"\x1f\x8b"):
        binary = _buffered(cast("IO[bytes]", gzip.GzipFile(fileobj=binary)))
    elif head.startswith(b"BZh"):
        binary = _buffered(bz2.BZ2File(binary))
    elif head.startswith(b"\xfd7zXZ"):
        binary = _buffered(lzma.LZMAFile(binary))  # noqa: SIM115 -- whoever reads it, closes it
    # UTF-16 is what PowerShell writes.
    utf16 = binary.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if utf16 else "utf-8"
    return io.TextIOWrapper(binary, encoding, errors="replace", newline="\n")


def _buffered(binary: IO[bytes]) -> io.BufferedReader:
    if isinstance(binary, io.BufferedReader):
        return binary
    return io.BufferedReader(cast("io.RawIOBase", binary), 1 << 16)
