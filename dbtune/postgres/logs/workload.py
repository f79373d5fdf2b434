"""The statements of logs as a workload: how often, how long, and with which constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.logs.parts import Progress
    from dbtune.postgres.logs.stream import Wanted

SAMPLES = 5
"""Executions of each statement that are given."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A statement of a log.

    Attributes:
        text: with ``$1`` ... in place of constants.
        calls: how often it was logged.
        total_ms: the time of all of these.
        samples: at most :data:`SAMPLES` of its executions as they were: with their constants, and
            the parameters of prepared statements (DETAIL) filled in as literals. Nobody should see
            them without having asked for it. Empty where the log does not tell the parameters.
        databases: where it ran, those with most time first.
        id: its name in reports of ``slow-queries --log``.
    """

    text: str
    calls: int
    total_ms: float
    samples: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """What logs say of a workload.

    Attributes:
        statements: those with most time first.
        seconds: from the first to the last record; 0 if it is not known.
        notes: what to tell of the log: lines that were passed over, damaged files.
    """

    statements: tuple[Execution, ...]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def workload(
    names: Sequence[str], wanted: Wanted | None = None, progress: Progress | None = None
) -> Logged:
    """The statements of logs with samples of their executions; for index advice and the like.

    Args:
        names: files, folders, patterns; ``-`` is standard input.
        wanted: how to read them, and what of them (``Wanted(database="shop")``).
        progress: shows how far they are read (``run.reading``).

    Raises:
        UsageError: one of them can't be read or is no log, or has no statement.
    """
    from dbtune.errors import UsageError
    from dbtune.logs.clock import moment
    from dbtune.logs.files import expand
    from dbtune.logs.read import read
    from dbtune.postgres.logs.kind import POSTGRES
    from dbtune.postgres.logs.report import skipped_parts
    from dbtune.postgres.logs.stream import Wanted
    from dbtune.postgres.logs.tables import short_id, statements_of
    from dbtune.text import plain

    sampled = replace(wanted or Wanted(), samples=SAMPLES)
    digest = read(POSTGRES, expand(names), sampled, progress, names)
    samples = {short_id(key): one.texts for key, one in digest.samples.items()}
    statements = [
        Execution(
            one.text,
            round(one.calls),
            one.total_ms,
            samples.get(one.ids[0], ()),
            one.databases,
            one.ids[0],
        )
        for one in sorted(statements_of(digest), key=lambda one: (-one.total_ms, one.text))
    ]
    if not statements:
        raise UsageError(
            f"{', '.join(map(plain, names))}: no statement with its duration is logged there "
            "(log_min_duration_statement)"
        )
    first, last = moment(digest.seen.first), moment(digest.seen.last)
    seconds = (last - first).total_seconds() if first and last else 0.0
    notes = tuple(f"{one.what}: {one.reason}" for one in skipped_parts(digest))
    return Logged(tuple(statements), seconds, notes)
