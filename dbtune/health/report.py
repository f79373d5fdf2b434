"""The outcome of ``dbtune check``: every check with its verdict, and the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from dbtune.accepted import Accepted
from dbtune.finding import Check, Finding, Level, Skipped, run_checks, sort_findings
from dbtune.health.known import Sorted, sort_out
from dbtune.report import Column, Report, Row, Table, record
from dbtune.text import plural

CHECKS = Table(
    "checks",
    "",
    (
        Column("target", "target", "text", "Which target; null if there is only one."),
        Column("check", "check", "text", "Name of the check."),
        Column(
            "status",
            "status",
            "text",
            "ok, info, warning or critical: the worst finding; skipped: not examined.",
        ),
        Column("findings", "findings", "int", "New findings."),
        Column("known", "known", "int", "Findings of the baseline, and accepted ones."),
        Column("tags", "tags", "list", "Words that --only and --exclude take for it.", None),
        Column("reason", "reason", "text", "Why it was skipped.", None),
    ),
    empty="no check ran",
)
SUMMARY = (
    Column("verdict", "verdict", "text", "The worst status of all checks."),
    Column("critical", "critical", "int", "Checks with a critical finding."),
    Column("warning", "warning", "int", "Checks whose worst finding is a warning."),
    Column("info", "info", "int", "Checks whose worst finding is an info."),
    Column("ok", "ok", "int", "Checks that found nothing new."),
    Column("skipped", "skipped", "int", "Checks that could not be made: not clean, not known."),
    Column("known", "known findings", "int", "Findings of the baseline, and accepted ones."),
    Column("gone", "gone", "int", "Findings of the baseline that are no more.", None),
)
TARGETS = Table(
    "targets",
    "Targets",
    (
        Column("target", "target", "text", "The profile's name."),
        Column("server", "server", "text", "Product and version."),
        *SUMMARY[:6],
        Column("error", "error", "text", "Why it could not be examined."),
    ),
    empty="",
)
TABLES = (TARGETS, CHECKS, Table("summary", "Summary", SUMMARY, record=True))
Settle = Callable[[Sequence[Finding]], list[Finding]]
_ORDER = ("critical", "warning", "info", "skipped", "ok")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before the checks run.

    Attributes:
        accepted: findings that somebody lives with.
        baseline: fingerprints of findings that do not count.
        today: the day that decides on what is expired.
    """

    today: date
    accepted: tuple[Accepted, ...] = ()
    baseline: Mapping[str, str] = field(default_factory=dict)


def report(
    checks: Sequence[Check],
    facts: Mapping[str, object],
    known: Known,
    thresholds: Mapping[str, Mapping[str, object]],
    *,
    name: str = "",
    settle: Settle = list,
) -> tuple[Report, list[Finding]]:
    """Run checks on facts.

    Args:
        checks: what to run.
        facts: facts by name.
        known: what is known already.
        thresholds: overrides by check name and threshold name.
        name: which of many targets it is, "" for the only one.
        settle: leaves out what another finding says of the same thing, and better.

    Returns:
        The report, and all findings, known ones too: what a baseline is written of.

    Raises:
        UsageError: a threshold that its check does not have.
    """
    findings, skipped = run_checks(checks, facts, thresholds)
    prefix = f"{name}: " if name else ""
    findings = [replace(one, subject=f"{prefix}{one.subject}") for one in settle(findings)]
    parts = sort_out(findings, known.accepted, known.baseline, known.today, prefix=prefix)
    rows = [_row(check, parts, skipped, name) for check in checks]
    made = Report(
        "check",
        (_table(rows), _summary(rows, parts)),
        findings=parts.new,
        skipped=tuple(one._replace(what=f"{prefix}{one.what}") for one in skipped),
        notes=tuple(_notes(parts)),
        examined=tuple(f"{prefix}{check.name}" for check in checks),
    )
    return made, findings


def join(reports: Sequence[tuple[str, Report]], lost: tuple[Skipped, ...]) -> Report:
    """One report of many targets.

    Args:
        reports: each target's name and report.
        lost: targets that could not be examined.
    """
    rows = [row for _, one in reports for row in one.tables[0].rows]
    sums = [one.tables[1].rows[0] for _, one in reports]
    targets: list[Row] = [
        {"target": name, "server": (one.target or {}).get("server"), **one.tables[1].rows[0]}
        for name, one in reports
    ]
    targets += [
        {"target": one.what.partition(" ")[2], "verdict": "unreachable", "error": one.reason}
        for one in lost
    ]
    findings = sort_findings([finding for _, one in reports for finding in one.findings])
    counted = {key: sum(int(str(one[key])) for one in sums) for key in (*_ORDER, "known", "gone")}
    worst = next((status for status in _ORDER if counted[status]), "ok")
    whole = {"verdict": worst, **counted}
    return Report(
        "check",
        (
            replace(TARGETS, rows=tuple(targets)),
            _table(rows),
            record("summary", "Summary", SUMMARY, whole),
        ),
        findings=tuple(findings),
        skipped=(*lost, *(one for _, report in reports for one in report.skipped)),
        notes=tuple(f"{name}: {note}" for name, one in reports for note in one.notes),
        examined=tuple(name for _, one in reports for name in one.examined),
        unreachable=bool(lost),
    )


def _table(rows: Sequence[Row]) -> Table:
    """People see what is not in order; that the rest is, is a line."""
    rows = sorted(
        rows,
        key=lambda row: (_ORDER.index(str(row["status"])), str(row["target"]), str(row["check"])),
    )
    fine = sum(row["status"] == "ok" for row in rows)
    footer = f"{plural(fine, 'check')} ok (--format json or csv lists them)" if fine else ""
    columns = CHECKS.columns
    if all(row["target"] is None for row in rows):
        columns = tuple(
            column._replace(rank=None) if column.name == "target" else column for column in columns
        )
    return replace(CHECKS, columns=columns, rows=tuple(rows), shown=len(rows) - fine, footer=footer)


def _row(check: Check, parts: Sorted, skipped: Iterable[Skipped], name: str) -> Row:
    levels = [finding.level or Level.info for finding in parts.new if finding.rule == check.name]
    others = [*parts.baseline, *(finding for finding, _ in parts.accepted)]
    missing = next((one for one in skipped if one.what == check.name), None)
    status = max(levels).name if levels else "skipped" if missing else "ok"
    return {
        "target": name or None,
        "check": check.name,
        "status": status,
        "findings": len(levels),
        "known": sum(finding.rule == check.name for finding in others),
        "tags": check.tags,
        "reason": missing.reason if missing else None,
    }


def _summary(rows: Sequence[Row], parts: Sorted) -> Table:
    counts = {status: sum(row["status"] == status for row in rows) for status in _ORDER}
    worst = next((status for status in _ORDER if counts[status]), "ok")
    known = len(parts.baseline) + len(parts.accepted)
    values = {"verdict": worst, **counts, "known": known, "gone": parts.gone}
    return record("summary", "Summary", SUMMARY, values)


def _notes(parts: Sorted) -> Iterable[str]:
    for finding, reason in parts.accepted:
        yield f"accepted: {finding.rule}: {finding.subject} ({reason})"
    for one in parts.expired:
        yield f"no longer accepted since {one.until}: {one.rule}: {one.subject} ({one.reason})"
    if parts.baseline:
        yield f"{plural(len(parts.baseline), 'finding')} of the baseline not shown"
    if parts.gone:
        what = plural(parts.gone, "finding")
        yield f"{what} of the baseline no more: write it anew with --write-baseline"
