"""Reading plans: from a text, a file, standard input, or a server's log of any size."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from dbtune.errors import UsageError
from dbtune.postgres.plans.build import build, version_of
from dbtune.postgres.plans.frames import unframe
from dbtune.postgres.plans.lines import Line, PlanSyntaxError, number_lines
from dbtune.postgres.plans.logs import Choice, Entry, Splitter, is_record
from dbtune.postgres.plans.model import Plan, Source
from dbtune.postgres.plans.paste import Found, find_plan, find_plans
from dbtune.postgres.plans.stream import Input, Lines
from dbtune.text import plural

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


def iter_plans(
    source: Input, *, unreadable: Unreadable, choice: Choice | None = None
) -> Iterator[Plan]:
    """As :func:`read_plans`, one by one, and in constant memory if the input is a log.

    It yields nothing if there is no plan.

    Args:
        source: see :func:`read_plans`.
        unreadable: likewise.
        choice: which entries of a log are read at all; all of them by default.
    """
    pasted = _Pasted()
    with _undamaged():
        parts = Splitter(Lines(source), choice or Choice())
    for part in _checked(iter(parts)):
        if isinstance(part, Entry):
            yield from _read_entry(part, unreadable)
        else:
            parts.is_log |= pasted.add(part)
    if not parts.is_log:
        yield from _read_pasted(pasted.lines, unreadable)


class _Pasted:
    """Lines in which plans may be pasted, until it is clear that the input is a log."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._size = 0
        self._decided = False

    def add(self, line: Line) -> bool:
        """Keep a line; true if all that was kept turns out to be a log's.

        Raises:
            UsageError: there is too much, and it is none.
        """
        self.lines.append(line)
        self._size += len(line.text) + 1
        if not self._decided and self._size > _MOST_UNSORTED:
            self._decided = True
            records = sum(is_record(one.text) for one in self.lines)
            if records > len(self.lines) / 10:
                self.lines = []
                return True
        if self._size > _MOST_PASTED:
            raise UsageError(
                f"line {line.number}, column 1: expected the end of a plan, "
                f"or a log with entries of auto_explain"
            )
        return False


@contextmanager
def _undamaged() -> Iterator[None]:
    """An archive that is damaged is an error of the user's."""
    try:
        yield
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise UsageError(f"the input could not be read to its end: {error}") from error


def _checked(parts: Iterator[Entry | Line]) -> Iterator[Entry | Line]:
    """The parts of an input that may be a damaged archive."""
    with _undamaged():
        yield from parts


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
