"""Reading plans: from a text, a file, standard input, or a server's log of any size."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, cast

from dbtune.errors import UsageError
from dbtune.postgres.plans.build import build, version_of
from dbtune.postgres.plans.frames import unframe
from dbtune.postgres.plans.lines import Line, PlanSyntaxError, number_lines
from dbtune.postgres.plans.logs import Entry, is_record, split_log
from dbtune.postgres.plans.model import Plan, Source
from dbtune.postgres.plans.paste import Found, find_plans

Input = str | bytes | IO[str] | IO[bytes]
Unreadable = Callable[[UsageError], None]

_MOST_PASTED = 64_000_000
"""Characters outside log entries that are searched for plans; a log has more, and none there."""


def read_plans(source: Input, *, unreadable: Unreadable | None = None) -> list[Plan]:
    """All plans of an input, in the order in which they stand.

    Args:
        source: a text, bytes, or a stream; compressed with gzip, bzip2 or xz if it is bytes.
        unreadable: called with the error for each thing that looks like a plan and cannot be read.

    Raises:
        UsageError: there is no plan, or one cannot be read and `unreadable` is not given.
    """
    plans = list(iter_plans(source, unreadable=unreadable))
    if not plans and unreadable is None:
        raise UsageError(
            "line 1, column 1: expected a plan: the output of EXPLAIN in any format, "
            "or a log with entries of auto_explain"
        )
    return plans


def iter_plans(source: Input, *, unreadable: Unreadable | None = None) -> Iterator[Plan]:
    """As :func:`read_plans`, one by one and in constant memory if the input is a log.

    It yields nothing if there is no plan.
    """
    pasted: list[Line] = []
    size, entries, is_log = 0, 0, False
    for part in _checked(split_log(_texts(source))):
        if isinstance(part, Entry):
            entries += 1
            plans, rest = _read_entry(part, unreadable)
            yield from plans
            pasted += rest
            continue
        if is_log and is_record(part.text):
            continue
        pasted.append(part)
        size += len(part.text)
        if size > _MOST_PASTED:
            pasted = [line for line in pasted if not is_record(line.text)]
            size, is_log = sum(len(line.text) for line in pasted), True
            if size > _MOST_PASTED // 2:
                if not entries:
                    raise UsageError(
                        f"line {part.number}, column 1: expected a plan, or an entry of "
                        f"auto_explain, in the first {_MOST_PASTED:,} characters"
                    )
                pasted, size = [], 0
    yield from _read_pasted(pasted, unreadable)


def _checked(parts: Iterator[Entry | Line]) -> Iterator[Entry | Line]:
    """The parts of an input, an archive that is damaged being an error of the user's."""
    try:
        yield from parts
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise UsageError(f"the input could not be read to its end: {error}") from error


def _read_pasted(lines: list[Line], unreadable: Unreadable | None) -> Iterator[Plan]:
    cleaned = [line for one in lines for line in number_lines([one.text], one.number)]
    framed = unframe(cleaned)
    for found in _guarded(find_plans(framed), framed, unreadable):
        yield _plan(found, Source(found.format, line=found.line))


def _read_entry(entry: Entry, unreadable: Unreadable | None) -> tuple[list[Plan], list[Line]]:
    """The plan of an entry, and the lines after it that are not part of it."""
    plans = []
    body = unframe(entry.body) if entry.open_ended else entry.body
    for found in _guarded(find_plans(body), body, unreadable):
        source = Source(found.format, "log", entry.line, entry.context)
        plans.append(_plan(found, source, entry.duration_ms))
        break
    return plans, []


def _guarded(
    found: Iterator[Found], lines: list[Line], unreadable: Unreadable | None
) -> Iterator[Found]:
    """Plans up to the first that cannot be read."""
    count = 0
    try:
        for one in found:
            count += 1
            yield one
    except (PlanSyntaxError, RecursionError) as error:
        problem = _usage_error(error, lines, count)
        if unreadable is None:
            raise problem from None
        unreadable(problem)


def _usage_error(
    error: PlanSyntaxError | RecursionError, lines: list[Line], count: int
) -> UsageError:
    if isinstance(error, RecursionError):
        first = lines[0].number if lines else 1
        error = PlanSyntaxError(first, 1, "expected fewer levels of nesting")
    read = f"; read up to there: {count} plans" if count else ""
    return UsageError(f"line {error.number}, column {error.column}: {error.expected}{read}")


def _plan(found: Found, source: Source, duration_ms: float | None = None) -> Plan:
    source = Source(
        source.format,
        source.origin,
        source.line,
        source.context,
        version_of(found.document),
        tuple(found.document.warnings),
    )
    return build(found.document, source, duration_ms)


# --- text from whatever it is in -----------------------------------------------------------------


def _texts(source: Input) -> Iterable[str]:
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
