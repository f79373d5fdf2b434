"""Plans from files: several plans in one, several files, logs of any size."""

from __future__ import annotations

import heapq
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dbtune.errors import UsageError
from dbtune.finding import Skipped
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plans.logs import Choice
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import iter_plans
from dbtune.text import plain, plural

STDIN = "-"
_LARGE_BYTES = 5_000_000
"""Files above this size are read under a progress bar."""
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
    choice = Choice(limit)

    def plans() -> Iterator[tuple[float, float, int, Given]]:
        nonlocal count
        for name in names:
            for plan in _read(name, problems, progress, choice):
                count += 1
                yield (*_weight(plan), -count, Given(plan, "" if name == STDIN else name))

    kept = heapq.nlargest(limit, plans(), key=lambda one: one[:3])
    if not kept:
        raise problems[0] if problems else _nothing(names)
    count += choice.passed
    if count > limit:
        found.notes.append(
            f"{plural(count, 'plan')} found; shown are the {limit} that took longest (--limit)"
        )
    else:
        kept.sort(key=lambda one: -one[2])
    found.plans = [one[3] for one in kept]
    found.skipped = [Skipped("a plan that can't be read", str(problem)) for problem in problems]
    return found


def _weight(plan: Plan) -> tuple[float, float]:
    return plan.total_ms or 0.0, plan.root.total_cost or 0.0


def _nothing(names: Sequence[str]) -> UsageError:
    where = " and ".join("standard input" if name == STDIN else plain(name) for name in names)
    return UsageError(
        f"{where}: expected a plan: the output of EXPLAIN in any format, or a log with entries of "
        "auto_explain"
    )


def _read(
    name: str, problems: list[UsageError], progress: Progress | None, choice: Choice
) -> Iterator[Plan]:
    shown = "standard input" if name == STDIN else plain(name)

    def unreadable(error: UsageError) -> None:
        problems.append(UsageError(f"{shown}, {error}"))

    try:
        with _opened(name, progress) as stream:
            yield from iter_plans(stream, unreadable=unreadable, choice=choice)
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
    return io.BufferedReader(_Tracked(file, shown or nullcontext(lambda _: None)), 1 << 20)


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
