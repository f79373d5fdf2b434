"""Statements with and without an index, and what the index costs, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dbtune.bench.estimate import Estimate, estimate
from dbtune.report import Column, Report, Row, Table, record
from dbtune.text import ms_text, plain, ratio_text

DRIFT = 0.2
"""The statement without the index, before and afterwards: more apart, and the machine changed."""

Verdict = Literal["faster", "slower", "not to be told", "unknown"]
RESULT = (
    Column("index", "index", "sql", "What was built."),
    Column("outcome", "outcome", "text", "Whether it was dropped again, or kept."),
    Column("build_seconds", "build took", "seconds", "Time of CREATE INDEX CONCURRENTLY."),
    Column("size_bytes", "size", "bytes", "Of the index, as built."),
    Column("table_bytes", "table", "bytes", "Of the table, without indexes and TOAST."),
    Column("without_inserts_per_second", "rows/s without", "float", "INSERT into a copy."),
    Column("with_inserts_per_second", "rows/s with it", "float", "INSERT into a copy with it."),
    Column("insert_cost_ratio", "writes slower by", "ratio", "At least: the copy is small."),
    Column("insert_cost_low_ratio", "  at least", "ratio", "Lower end of its interval.", 1),
    Column("insert_cost_high_ratio", "  at most", "ratio", "Upper end of its interval.", 1),
    Column("rounds", "rounds", "int", "Each executed every statement once.", 1),
)
STATEMENTS = Table(
    "statements",
    "Statements without and with the index",
    (
        Column("without_ms", "without", "ms", "Mean execution without it, before and afterwards."),
        Column("with_ms", "with", "ms", "Mean execution with it."),
        Column("factor", "×", "float", "How many times faster."),
        Column("verdict", "verdict", "text", "Whether the intervals are apart."),
        Column("uses", "used", "bool", "Whether its plan has the index."),
        Column("without_error_ratio", "± without", "ratio", "Half of its 95 % interval (t).", 2),
        Column("with_error_ratio", "± with", "ratio", "Half of its 95 % interval (t).", 2),
        Column("blocks_without", "blocks", "int", "Blocks read, from cache or disk.", 1),
        Column("blocks_with", "then", "int", "Blocks read with it.", 1),
        Column("statement", "statement", "sql", "The statement."),
    ),
)
TABLES = (Table("result", "Result", RESULT, record=True), STATEMENTS)


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution: its time, the blocks it read, and whether its plan has the index."""

    ms: float
    blocks: int | None = None
    uses: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A statement's executions.

    Attributes:
        statement: its text.
        before, after: without the index; ``after`` is empty if it was kept.
        during: with it.
    """

    statement: str
    before: Sequence[Execution]
    during: Sequence[Execution]
    after: Sequence[Execution] = ()

    @property
    def without(self) -> Estimate:
        """The time without the index."""
        return estimate([one.ms for one in (*self.before, *self.after)])

    @property
    def with_it(self) -> Estimate:
        """The time with the index."""
        return estimate([one.ms for one in self.during])

    @property
    def verdict(self) -> Verdict:
        """Whether the intervals are apart."""
        left, right = self.without, self.with_it
        if left.low is None or left.high is None or right.low is None or right.high is None:
            return "unknown"
        if right.high < left.low:
            return "faster"
        return "slower" if right.low > left.high else "not to be told"

    @property
    def drift(self) -> float | None:
        """How much slower (or faster, below 0) it was afterwards without the index."""
        if not self.after:
            return None
        before, after = (
            estimate([one.ms for one in some]).mean for some in (self.before, self.after)
        )
        return after / before - 1 if before else None


def report(
    compared: Sequence[Compared],
    inserts: Sequence[tuple[float, float]],
    facts: Row,
    *,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The report.

    Args:
        compared: the statements.
        inserts: rows per second without and with the index, by round; empty if not measured.
        facts: values of further columns of :data:`RESULT`.
        target: about the server, without secrets.
        collected_at: when it was measured.
        notes: sentences for the reader.
    """
    result = {**facts, **_insert_cost(inserts)}
    return Report(
        "bench index",
        (
            record("result", "Result", RESULT, result),
            replace(STATEMENTS, rows=tuple(map(_row, compared))),
        ),
        notes=(*notes, *_doubts(compared)),
        target=target,
        collected_at=collected_at,
    )


def _insert_cost(inserts: Sequence[tuple[float, float]]) -> Row:
    if not inserts:
        return {}
    # Round by round: both were measured right after each other.
    cost = [1 - with_it / without for without, with_it in inserts]
    slower = estimate([1 - one for one in cost])  # of the ratio, which is never below nothing
    return {
        "without_inserts_per_second": estimate([one for one, _ in inserts]).mean,
        "with_inserts_per_second": estimate([one for _, one in inserts]).mean,
        "insert_cost_ratio": 1 - slower.mean,
        "insert_cost_low_ratio": None if slower.high is None else 1 - slower.high,
        "insert_cost_high_ratio": None if slower.low is None else 1 - slower.low,
    }


def _row(one: Compared) -> Row:
    blocks = [next((each.blocks for each in some), None) for some in (one.before, one.during)]
    return {
        "without_ms": one.without.mean,
        "with_ms": one.with_it.mean,
        "factor": one.without.mean / one.with_it.mean if one.with_it.mean else None,
        "verdict": one.verdict,
        "uses": any(each.uses for each in one.during),
        "without_error_ratio": one.without.error_ratio,
        "with_error_ratio": one.with_it.error_ratio,
        "blocks_without": blocks[0],
        "blocks_with": blocks[1],
        "statement": one.statement,
    }


def _doubts(compared: Sequence[Compared]) -> Iterator[str]:
    unused = [one for one in compared if not any(each.uses for each in one.during)]
    if unused:
        which = "no statement uses" if len(unused) == len(compared) else "not all statements use"
        yield f"{which} the index: the planner found other ways cheaper"
    for one in compared:
        if one.drift is not None and abs(one.drift) > DRIFT:
            yield (
                f"without the index, {plain(one.statement)[:60]} took "
                f"{ms_text(estimate([each.ms for each in one.before]).mean)} before and "
                f"{ms_text(estimate([each.ms for each in one.after]).mean)} afterwards "
                f"({ratio_text(one.drift)}): something else changed, too"
            )
