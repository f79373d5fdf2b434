"""A comparison laid out: the report of ``dbtune compare``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC

from dbtune.compare.health import Health, HealthChange
from dbtune.compare.model import Comparison, ObjectChange, Period, StatementChange
from dbtune.compare.noise import Verdict
from dbtune.compare.statements import per_call
from dbtune.compare.tables import (
    HEALTH,
    HYPOTHESES,
    INDEXES,
    MEASURES,
    RELATIONS,
    SETTINGS,
    STATEMENTS,
    VERDICT,
    WAITS,
)
from dbtune.compare.verdict import Hypothesis, Judgement, judge, number
from dbtune.finding import Finding, Level, sort_findings
from dbtune.report import Report, Row, Table
from dbtune.statements import Statement
from dbtune.text import ms_text, plural

_SHOWN = 20
_ORDER = (Verdict.worse, Verdict.better, Verdict.unknown, Verdict.same)


def report(
    found: Comparison,
    health: Health,
    findings: Sequence[Finding],
    hypotheses: Sequence[Hypothesis],
    examined: Sequence[str],
) -> Report:
    """The comparison as tables; findings are what is worse than before.

    Args:
        found: the comparison.
        health: what the checks say of both periods.
        findings: of the comparison's own checks.
        hypotheses: verdicts on notes.
        examined: names of those checks.
    """
    judgement = judge(found.workload, known=found.statements is not None)
    worse = [one.finding for one in health.changes if one.state == "new"]
    lines = tuple(_hypothesis(one) for one in hypotheses)
    return Report(
        "compare",
        (
            replace(VERDICT, rows=(_verdict(found, health, judgement),)),
            *((replace(HYPOTHESES, rows=lines),) if lines else ()),
            statements_table(found),
            measures_table(found),
            _objects(INDEXES, "index", found.indexes),
            replace(SETTINGS, rows=tuple(_settings(found))),
            _objects(RELATIONS, "relation", found.relations),
            _health(health),
            replace(WAITS, rows=tuple(_waits(found))),
        ),
        findings=tuple(sort_findings([*findings, *worse])),
        skipped=(*found.skipped, *health.skipped),
        notes=found.notes,
        examined=(*examined, *health.examined),
    )


def told(period: Period) -> str:
    """A period in words: ``2026-11-29 10:00:00 to 10:30:00 UTC, 30 min``."""
    end = period.end.astimezone(UTC)
    if period.start is None:
        return f"since statistics began, at an unknown time, until {end:%Y-%m-%d %H:%M:%S} UTC"
    start = period.start.astimezone(UTC)
    same_day = start.date() == end.date()
    until = f"{end:%H:%M:%S}" if same_day else f"{end:%Y-%m-%d %H:%M:%S}"
    began = "since statistics began: " if period.counted == "since statistics began" else ""
    length = ms_text((period.seconds or 0) * 1000)
    return f"{began}{start:%Y-%m-%d %H:%M:%S} to {until} UTC, {length}"


def _verdict(found: Comparison, health: Health, judgement: Judgement) -> Row:
    workload = found.workload
    return {
        "verdict": judgement.verdict.value,
        "sure": _sure(judgement),
        "because": judgement.because,
        "before": told(found.before),
        "after": told(found.after),
        "before_start": found.before.start,
        "before_end": found.before.end,
        "after_start": found.after.start,
        "after_end": found.after.end,
        "same_server": found.same_server,
        "time_ratio": workload.time,
        "blocks_ratio": workload.work,
        "reads_ratio": workload.reads,
        "drift_ratio": workload.drift,
        "covered_ratio": workload.covered_ratio if found.statements else None,
        "statements": _counted(found),
        "changed": _changed(found, health),
    }


def _sure(judgement: Judgement) -> str | None:
    return None if judgement.verdict is Verdict.unknown else judgement.sure


def _counted(found: Comparison) -> str | None:
    if found.statements is None:
        return None
    counts = Counter(_state(one) for one in found.statements)
    order = [*(one.value for one in _ORDER), "new", "gone"]
    return ", ".join(f"{counts[name]:,} {name}" for name in order if counts[name]) or "none ran"


def _changed(found: Comparison, health: Health) -> str:
    states = Counter(one.state for one in health.changes)
    tables = sum(one.kind != "index" for one in found.relations or ())
    parts = [
        (len(found.settings or ()), "setting", ""),
        (len(found.indexes or ()), "index", "indexes"),
        (tables, "table", ""),
        (states["new"], "new finding", ""),
        (states["fixed"], "finding fixed", "findings fixed"),
    ]
    return ", ".join(plural(*one) for one in parts if one[0]) or "nothing"


def _hypothesis(one: Hypothesis) -> Row:
    return {
        "note": one.note,
        "verdict": one.judgement.verdict.value,
        "sure": _sure(one.judgement),
        "because": one.judgement.because,
        "about": one.about,
        "but": "; ".join(one.remarks) or None,
        "remarks": list(one.remarks),
    }


def measures_table(found: Comparison) -> Table:
    """Those that are 0 in both periods come last, and people need not see them."""
    ordered = sorted(found.measures, key=lambda one: not (one.before or one.after))
    idle = sum(not (one.before or one.after) for one in ordered)
    rows = tuple(
        {
            "measure": one.name,
            "title": one.title,
            "before_text": number(one, one.before),
            "after_text": number(one, one.after),
            "before": one.before,
            "after": one.after,
            "ratio": one.ratio,
            "verdict": one.verdict.value if one.verdict else None,
            "unjudged": one.unjudged or None,
        }
        for one in ordered
    )
    names = ", ".join(one.title for one in ordered[len(ordered) - idle :])
    footer = f"0 in both: {names}" if idle else ""
    return replace(MEASURES, rows=rows, shown=len(rows) - idle, footer=footer)


# ---------------------------------------------------------------------------------- statements


def statements_table(found: Comparison) -> Table:
    """Statements: what changed comes first; people see those that matter, JSON has all."""
    changes = list(found.statements or ())
    order = ["worse", "better", "new", "gone", "can't tell", "no difference"]
    changes.sort(key=lambda one: (order.index(_state(one)), -one.total_ms))
    rows = tuple(_statement(one, found) for one in changes)
    more = len(rows) - _SHOWN
    footer = f"{plural(more, 'statement')} more (--format json or csv)" if more > 0 else ""
    empty = STATEMENTS.empty if found.statements is not None else "not read: see below"
    return replace(STATEMENTS, rows=rows, shown=min(len(rows), _SHOWN), footer=footer, empty=empty)


def _state(one: StatementChange) -> str:
    """What a person is told of it: a change of the work shows, though the time be the same."""
    if one.state != "both":
        return one.state
    return (one.verdict or Verdict.unknown).value


def _cause(one: StatementChange) -> str | None:
    if one.work_verdict is Verdict.worse:
        return "more blocks"
    if one.work_verdict is Verdict.better:
        return "fewer blocks"
    return "same work" if one.work_verdict is Verdict.same else None


def _statement(one: StatementChange, found: Comparison) -> Row:
    row: dict[str, object] = {
        "state": _state(one),
        "cause": _cause(one),
        "mean_ratio": one.shift.ratio,
        "mean_ratio_low": one.shift.low,
        "mean_ratio_high": one.shift.high,
        "p": one.shift.p,
        "own_ratio": one.own_ratio,
        "nested": one.statement.nested,
        "ids": one.statement.ids,
        "statement": one.statement.text,
    }
    row |= _side("before", one.before, found.before)
    row |= _side("after", one.after, found.after)
    return row


def _side(name: str, one: Statement | None, period: Period) -> Row:
    if one is None:
        return {}
    return {
        f"{name}_mean_ms": one.mean_ms,
        f"{name}_calls": round(one.calls),
        f"{name}_calls_per_second": one.calls / period.seconds if period.seconds else None,
        f"{name}_total_ms": one.total_ms,
        f"{name}_blocks_per_call": per_call(one, one.blocks),
        f"{name}_rows_per_call": per_call(one, one.rows),
    }


# ------------------------------------------------------------------------------ what else changed


def _settings(found: Comparison) -> Iterator[Row]:
    for one in found.settings or ():
        yield {
            "setting": one.name,
            "before": one.before,
            "after": one.after,
            "remark": one.remark or None,
        }


def _objects(table: Table, name: str, changes: Sequence[ObjectChange] | None) -> Table:
    if changes is None:
        return replace(table, empty="not read: see below")
    rows = tuple(
        {
            "state": one.state,
            "kind": one.kind,
            name: one.name,
            "table": one.table,
            "before_bytes": one.before_bytes,
            "after_bytes": one.after_bytes,
            "growth_bytes": one.growth_bytes,
            "before_rows": one.before_rows,
            "after_rows": one.after_rows,
            "before_scans": one.before_scans,
            "after_scans": one.after_scans,
            "definition": one.definition or None,
            "remark": one.remark or None,
        }
        for one in changes
    )
    more = len(rows) - _SHOWN
    footer = f"{more:,} more (--format json or csv)" if more > 0 else ""
    return replace(table, rows=rows, shown=min(len(rows), _SHOWN), footer=footer)


def _health(health: Health) -> Table:
    """What changed; that the rest remains is a line."""
    order = ["new", "fixed", "not known before", "not known after", "remaining"]
    changes = sorted(
        health.changes,
        key=lambda one: (order.index(one.state), -(one.finding.level or 0), one.finding.rule),
    )
    left = sum(one.state == "remaining" for one in changes)
    footer = f"{plural(left, 'finding')} as before (dbtune check --from FILE)" if left else ""
    rows = tuple(_health_row(one) for one in changes)
    return replace(HEALTH, rows=rows, shown=len(rows) - left, footer=footer)


def _health_row(one: HealthChange) -> Row:
    return {
        "state": one.state,
        "level": (one.finding.level or Level.info).name,
        "rule": one.finding.rule,
        "subject": one.finding.subject,
        "message": one.finding.message,
        "message_before": one.before.message if one.before else None,
    }


def _waits(found: Comparison) -> Iterator[Row]:
    for one in found.waits or ():
        yield {"wait": one.name, "before": one.before, "after": one.after}
