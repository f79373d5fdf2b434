"""Logs of two periods side by side: what ``dbtune compare`` says of snapshots, of logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from dbtune.compare import CHECKS
from dbtune.compare.model import Comparison, Measure, Period
from dbtune.compare.report import measures_table, statements_table, told
from dbtune.compare.statements import align, workload_of
from dbtune.compare.tables import MEASURES, STATEMENTS
from dbtune.compare.verdict import judge
from dbtune.finding import load_checks, run_checks, sort_findings
from dbtune.logs.clock import moment
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.tables import statements_of
from dbtune.report import Column, Table
from dbtune.statements import Selection, Statement, narrow

if TYPE_CHECKING:
    from dbtune.postgres.logs.report import Thresholds
    from dbtune.report import Report

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


def compared(before: Digest, after: Digest, selection: Selection) -> Comparison:
    """What became of the statements and of what else was logged.

    Args:
        before, after: logs of both periods.
        selection: which statements.
    """
    sides = [_by_id(one, selection) for one in (before, after)]
    changes = align(*sides)
    return Comparison(
        _period(before),
        _period(after),
        None,
        measures=tuple(_measures(before, after)),
        statements=changes,
        workload=workload_of(changes),
    )


def with_baseline(
    report: Report,
    before: Digest,
    after: Digest,
    selection: Selection,
    thresholds: Thresholds,
) -> Report:
    """A report on logs with what differs from a baseline; findings are also what is worse."""
    found = compared(before, after, selection)
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


def _by_id(digest: Digest, selection: Selection) -> dict[str, Statement]:
    chosen = narrow(statements_of(digest), replace(selection, database="", user="", min_calls=0))
    return {one.ids[0]: one for one in chosen}


def _period(digest: Digest) -> Period:
    start, end = moment(digest.seen.first), moment(digest.seen.last)
    end = end or datetime.fromtimestamp(0, UTC)
    return Period(start, max(end, start or end), "in logs")


def _measures(before: Digest, after: Digest) -> Iterator[Measure]:
    """Rates, as far as both logs tell them."""
    hours = [max(_period(one).seconds or 0.0, 1.0) / 3600 for one in (before, after)]
    rows = [dict(_counted(one)) for one in (before, after)]
    for name, title, better, least in _RATES:
        old, new = (row[name] / hour for row, hour in zip(rows, hours, strict=True))
        short = min(hours) < _LEAST_HOURS
        yield Measure(
            f"{name}_per_hour",
            f"{title}/h",
            _KINDS.get(name, "float"),
            old,
            new,
            better,
            least=least,
            unjudged="a period is shorter than a minute" if short else "",
        )


_LEAST_HOURS = 1 / 60
_KINDS: dict[str, Literal["ms", "bytes"]] = {
    "total_ms": "ms",
    "lock_wait_ms": "ms",
    "temp_bytes": "bytes",
}
_RATES: tuple[tuple[str, str, Literal["less", ""], float], ...] = (
    # What is counted, its name, which way is better, and the least change that counts.
    ("calls", "executions", "", 0.0),
    ("total_ms", "execution time", "", 0.0),
    ("errors", "errors", "less", 10.0),
    ("fatals", "FATAL and PANIC", "less", 5.0),
    ("deadlocks", "deadlocks", "less", 1.0),
    ("lock_wait_ms", "waiting for locks", "less", 10_000.0),
    ("cancelled", "cancelled", "less", 5.0),
    ("temp_bytes", "temporary files", "less", 100e6),
    ("forced_checkpoints", "checkpoints by WAL", "less", 2.0),
    ("connections", "connections received", "", 0.0),
)


def _counted(digest: Digest) -> Iterator[tuple[str, float]]:
    events = digest.events
    statements = statements_of(digest)
    yield "calls", sum(one.calls for one in statements)
    yield "total_ms", sum(one.total_ms for one in statements)
    classes = events.errors.classes.values()
    yield "errors", sum(one.count for one in classes if one.level == "ERROR")
    yield "fatals", sum(one.count for one in classes if one.level in ("FATAL", "PANIC"))
    yield "deadlocks", sum(one.count for one in events.deadlocks.found.values())
    yield "lock_wait_ms", sum(one.total_ms for one in events.lock_waits.waits.values())
    yield "cancelled", sum(one.count for one in events.cancelled.found.values())
    yield "temp_bytes", sum(one.total for one in events.temp_files.statements.values())
    yield "forced_checkpoints", events.checkpoints.causes.get("wal", 0)
    yield "connections", events.connections.received
