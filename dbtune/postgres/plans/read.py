"""Reading plans: from a text, a file, standard input, or a server's log of any size."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import IO, cast

from dbtune.errors import UsageError
from dbtune.logs.blocks import Damaged, blocks
from dbtune.postgres.logs.scan import Scanner
from dbtune.postgres.plans.build import EXECUTION_KEYS, build, version_of
from dbtune.postgres.plans.frames import unframe
from dbtune.postgres.plans.lines import Line, PlanSyntaxError, number_lines
from dbtune.postgres.plans.logs import Entry, entries, is_csv, is_record
from dbtune.postgres.plans.model import Plan, Source
from dbtune.postgres.plans.paste import Found, find_plan, find_plans
from dbtune.text import plural

Input = str | bytes | IO[str] | IO[bytes]
Unreadable = Callable[[UsageError], None]

_MOST_UNSORTED = 300_000
"""Bytes after which it is decided whether an input is a log, whose records are no plans."""
_MOST_PASTED = 64_000_000
"""Bytes that are searched for pasted plans."""
_LOG, _PARTLY_LOG = 0.5, 0.1
"""Shares of records in an input: only entries are looked for; what is no record may be a plan."""
_CSV_RECORDS = 20
"""Records of csvlog after which an input is a log, however many lines its statements have."""


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
    for found in find_all(source, unreadable=unreadable):
        if isinstance(found, Entry):
            yield from read_entry(found, unreadable)
        else:
            yield found


def find_all(source: Input, *, unreadable: Unreadable) -> Iterator[Plan | Entry]:
    """What there is in an input: entries of a log, not yet taken apart, or plans that are pasted.

    Of a log that does not end, or is as large as a disk, it needs one entry in memory.
    """
    scanner = Scanner(_checked(_blocks(source), unreadable))
    pasted = _Pasted(scanner)
    for entry in entries(scanner):
        if entry.open_ended:
            yield from read_entry(entry, unreadable)
        else:
            pasted.forget()
            yield entry
    yield from _read_pasted(pasted.lines(), unreadable)


class _Pasted:
    """Lines outside a log's entries, in which plans may be pasted; of a log, hardly any."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._parts: list[tuple[int, bytes]] = []
        self._size = 0
        self._records_too = True
        self._undecided = True
        scanner.passed = self._add

    def forget(self) -> None:
        """Keep no line: the input is a log."""
        self._parts = []
        self._scanner.passed = None

    def lines(self) -> Iterator[Line]:
        """What was kept, as lines."""
        for first, part in self._parts:
            for number, text in enumerate(part.removesuffix(b"\n").split(b"\n"), first):
                yield Line(number, 0, text.decode(errors="replace"))

    def _add(self, number: int, part: bytes) -> None:
        if not self._records_too:
            self._add_others(number, part)
            return
        self._parts.append((number, part))
        self._size += len(part)
        if self._undecided and self._size > _MOST_UNSORTED:
            self._decide()
        if self._size > _MOST_PASTED:
            raise UsageError(
                f"line {number}, column 1: expected the end of a plan, "
                f"or a log with entries of auto_explain"
            )

    def _decide(self) -> None:
        """After so many lines it is known whether the input is a log."""
        self._undecided = False
        parts, self._parts = self._parts, []
        lines = [line for _, part in parts for line in part.split(b"\n")]
        share = sum(map(is_record, lines)) / len(lines)
        if share > _LOG or sum(map(is_csv, lines)) > _CSV_RECORDS:
            self.forget()
        elif share > _PARTLY_LOG:
            self._records_too, self._size = False, 0
            for number, part in parts:
                self._add_others(number, part)
        else:
            self._parts = parts

    def _add_others(self, first: int, part: bytes) -> None:
        """Keep what is no record; the oldest of it gives way."""
        for number, line in enumerate(part.removesuffix(b"\n").split(b"\n"), first):
            if not is_record(line):
                self._parts.append((number, line))
                self._size += len(line) + 1
        if self._size > _MOST_PASTED:
            self._parts, self._size = [], 0


def _checked(blocks_: Iterator[bytes], unreadable: Unreadable) -> Iterator[bytes]:
    """The blocks of an input up to where it is damaged, which is told."""
    try:
        yield from blocks_
    except Damaged as error:
        unreadable(UsageError(f"the input could not be read to its end: {error}"))
    except OSError as error:
        reason = error.strerror or error
        unreadable(UsageError(f"the input could not be read to its end: {reason}"))


def _read_pasted(lines: Iterable[Line], unreadable: Unreadable) -> Iterator[Plan]:
    cleaned = [line for one in lines for line in number_lines([one.text], one.number)]
    framed = unframe(cleaned)
    every = list(_guarded(find_plans(framed), unreadable))
    _mark_cut(every)
    for found in every:
        yield from _plan(found, Source(found.format, line=found.line), unreadable)


def _mark_cut(every: Sequence[Found]) -> None:
    """Mark the last of several plans if it alone lacks the time with which a plan ends."""
    raws = [found.document.raw for found in every if "Actual Loops" in found.document.raw["Plan"]]
    if len(raws) > 1 and raws[-1] is every[-1].document.raw:
        ends = [any(key in raw for key in EXECUTION_KEYS) for raw in raws]
        if all(ends[:-1]) and not ends[-1] and "Query Text" not in raws[-1]:
            every[-1].document.truncated = True


def read_entry(entry: Entry, unreadable: Unreadable) -> Iterator[Plan]:
    """The plan of an entry; where nothing marked its end, plans that are pasted after it, too."""
    body = entry.body
    if entry.open_ended:
        body = list(unframe(body))
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


def _blocks(source: Input) -> Iterator[bytes]:
    """The bytes of an input, decompressed."""
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if isinstance(source, str):
        return iter([source.encode(errors="replace")])
    if isinstance(source.read(0), str):
        texts = cast("IO[str]", source)
        return (text.encode(errors="replace") for text in iter(lambda: texts.read(1 << 20), ""))
    return blocks(cast("IO[bytes]", source))
