"""Logs of two periods side by side: what ``dbtune compare`` says of snapshots, of logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from dbtune.compare import CHECKS
from dbtune.compare.model import Comparison, Measure, Period
from dbtune.compare.report import measures_table, statements_table, told
from dbtune.compare.statements import align, workload_of
from dbtune.compare.tables import MEASURES, STATEMENTS
from dbtune.compare.verdict import judge
from dbtune.finding import load_checks, run_checks, sort_findings
from dbtune.logs.clock import moment
from dbtune.logs.sides import Rate, Side
from dbtune.report import Column, Report, Table

COMPARED = Table(
    "compared",
    "Compared with the baseline",
    (
        Column("verdict", "verdict", "text", "Of the time that the same calls take."),
        Column("sure", "how sure", "text", "high, medium or low; null if it can't be told."),
        Column("because", "because", "text", "The numbers that it rests on."),
        Column("before", "before", "text", "The baseline's time, in words."),
        Column("after", "after", "text", "The time that is compared with it, in words."),
        Column("time_ratio", "time", "float", "Time of the same calls, after to before.", None),
    ),
    record=True,
)
CHANGES = replace(STATEMENTS, name="changes", title="Statements, compared")
MEASURED = replace(MEASURES, title="All that was logged, compared")
TABLES = (COMPARED, CHANGES, MEASURED)
_LEAST_HOURS = 1 / 60


def compared(before: Side, after: Side, rates: Sequence[Rate]) -> Comparison:
    """What became of the statements and of what else was logged."""
    changes = align(before.statements, after.statements)
    return Comparison(
        _period(before),
        _period(after),
        None,
        measures=tuple(_measures(before, after, rates)),
        statements=changes,
        workload=workload_of(changes),
    )


def with_baseline(
    report: Report,
    found: Comparison,
    thresholds: Mapping[str, Mapping[str, object]],
) -> Report:
    """A report on logs with what differs from a baseline; findings are also what is worse."""
    judgement = judge(found.workload)
    row = {
        "verdict": judgement.verdict.value,
        "sure": judgement.sure if found.workload.time else None,
        "because": judgement.because,
        "before": told(found.before),
        "after": told(found.after),
        "time_ratio": found.workload.time,
    }
    checks = load_checks(CHECKS)
    own = {name: given for name, given in thresholds.items() if name.startswith("compare.")}
    worse, _ = run_checks(checks, {"comparison": found}, own)
    changes = statements_table(found)
    measures = measures_table(found)
    return replace(
        report,
        tables=(
            replace(COMPARED, rows=(row,)),
            replace(changes, name=CHANGES.name, title=CHANGES.title),
            replace(measures, title=MEASURED.title),
            *report.tables,
        ),
        findings=tuple(sort_findings([*worse, *report.findings])),
        examined=(*report.examined, *(one.name for one in checks)),
    )


def _period(side: Side) -> Period:
    start, end = moment(side.seen.first), moment(side.seen.last)
    end = end or datetime.fromtimestamp(0, UTC)
    return Period(start, max(end, start or end), "in logs")


def _measures(before: Side, after: Side, rates: Sequence[Rate]) -> Iterator[Measure]:
    """Rates, as far as both logs tell them."""
    hours = [max(_period(one).seconds or 0.0, 1.0) / 3600 for one in (before, after)]
    short = min(hours) < _LEAST_HOURS
    for one in rates:
        yield Measure(
            f"{one.name}_per_hour",
            f"{one.title}/h",
            one.kind,
            before.counted[one.name] / hours[0],
            after.counted[one.name] / hours[1],
            one.better,
            least=one.least,
            unjudged="a period is shorter than a minute" if short else "",
        )
