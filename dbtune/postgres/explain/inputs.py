"""Plans from files: several plans in one, several files, logs of any size."""

from __future__ import annotations

import heapq
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from dbtune.errors import UsageError
from dbtune.finding import Skipped
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plans.logs import Entry
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import find_all, read_entry
from dbtune.text import plain, plural

STDIN = "-"
_LARGE_BYTES = 5_000_000
"""Files above this size are read under a progress bar."""
_SPARE = 50
"""Plans kept beyond the limit, for those that turn out to be unreadable."""
_MOST_PROBLEMS = 100
Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
"""Shows a description and how much of a total is done: :meth:`dbtune.cli.command.Run.progress`."""


@dataclass
class Found:
    """Plans that were found, what looked like one and could not be read, and what to say of it."""

    plans: list[Given] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_files(names: Sequence[str], limit: int, progress: Progress | None = None) -> Found:
    """The plans of some files, in their order; of more than ``limit``, the slowest, slowest first.

    Raises:
        UsageError: a file can't be read, or none of them has a plan.
    """
    found = Found()
    problems: list[UsageError] = []
    count = 0

    def candidates() -> Iterator[_Candidate]:
        nonlocal count
        for name in names:
            for one in _read(name, problems, progress):
                count += 1
                yield _Candidate(*_weight(one), -count, name, one)

    kept: list[tuple[int, Given]] = []
    for one in heapq.nlargest(limit + _SPARE, candidates(), key=lambda one: one[:3]):
        if len(kept) < limit:
            kept += [(-one.order, plan) for plan in _parsed(one, problems)]
    if not kept:
        raise problems[0] if problems else _nothing(names)
    if count > limit:
        found.notes.append(
            f"{plural(count, 'plan')} found; shown are the {len(kept)} that took longest (--limit)"
        )
    else:
        kept.sort(key=lambda one: one[0])
    found.plans = [one[1] for one in kept]
    found.skipped = [Skipped("a plan that can't be read", str(problem)) for problem in problems]
    return found


class _Candidate(NamedTuple):
    """A plan, or what a log has of one, with what decides whether it is shown."""

    ms: float
    cost: float
    order: int
    name: str
    found: Plan | Entry


def _parsed(one: _Candidate, problems: list[UsageError]) -> list[Given]:
    file = "" if one.name == STDIN else one.name
    if isinstance(one.found, Plan):
        return [Given(one.found, file)]
    return [Given(plan, file) for plan in read_entry(one.found, _teller(one.name, problems))]


def _weight(found: Plan | Entry) -> tuple[float, float]:
    if isinstance(found, Entry):
        return found.duration_ms, 0.0
    return found.total_ms or 0.0, found.root.total_cost or 0.0


def _nothing(names: Sequence[str]) -> UsageError:
    where = " and ".join(map(_shown, names))
    if all(map(_is_empty, names)):
        return UsageError(f"{where}: expected a plan, but there is nothing in it")
    remedy = ""
    if len(names) == 1 and names[0].endswith(".sql"):
        remedy = f"; to ask a server for a statement's plan: dbtune explain --file {where} TARGET"
    return UsageError(
        f"{where}: expected a plan: the output of EXPLAIN in any format, or a log with entries of "
        f"auto_explain{remedy}"
    )


def _is_empty(name: str) -> bool:
    return name != STDIN and Path(name).is_file() and not Path(name).stat().st_size


def _shown(name: str) -> str:
    return "standard input" if name == STDIN else plain(name)


def _teller(name: str, problems: list[UsageError]) -> Callable[[UsageError], None]:
    """Keeps an error with the name of the file that it is in; of many, only the first."""

    def unreadable(error: UsageError) -> None:
        if len(problems) < _MOST_PROBLEMS:
            problems.append(UsageError(f"{_shown(name)}, {error}"))

    return unreadable


def _read(
    name: str, problems: list[UsageError], progress: Progress | None
) -> Iterator[Plan | Entry]:
    shown = _shown(name)
    try:
        with _opened(name, progress) as stream:
            yield from find_all(stream, unreadable=_teller(name, problems))
    except FileNotFoundError:
        raise UsageError(
            f"{shown}: there is no such file; to ask a server for a plan: "
            f"dbtune explain --sql 'SELECT ...' TARGET"
        ) from None
    except OSError as error:
        raise UsageError(f"{shown} can't be read: {error.strerror or error}") from None


def _opened(name: str, progress: Progress | None) -> AbstractContextManager[IO[bytes] | IO[str]]:
    if name == STDIN:
        return nullcontext(getattr(sys.stdin, "buffer", sys.stdin))
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    file = path.open("rb")
    size = path.stat().st_size
    shown = progress(f"reading {path.name}", size) if progress and size > _LARGE_BYTES else None
    return io.BufferedReader(_Tracked(file, shown or nullcontext(lambda _: None)), 1 << 16)


class _Tracked(io.RawIOBase):
    """A file that tells how much of it has been read."""

    def __init__(
        self, file: IO[bytes], shown: AbstractContextManager[Callable[[float], None]]
    ) -> None:
        self._file = file
        self._shown = shown
        self._advance: Callable[[float], None] = shown.__enter__()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._advance(self._file.tell())
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._shown.__exit__(None, None, None)
            self._file.close()
        super().close()
