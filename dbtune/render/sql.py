"""The SQL of all remedies as a script to review: comments say why, nothing else runs."""

from __future__ import annotations

from dbtune.finding import Finding
from dbtune.render import Style
from dbtune.report import Report
from dbtune.text import plain, visible


def render(report: Report, style: Style) -> str:
    """A script; statements of findings without SQL are missing."""
    lines = [f"-- dbtune {report.command}"]
    target = report.target or {}
    if target:
        known = (str(target[key]) for key in ("server", "database", "name") if target.get(key))
        lines.append(_comment("of " + ", ".join(known)))
    if report.collected_at:
        lines.append(f"-- at {report.collected_at:%Y-%m-%d %H:%M:%S %Z}".rstrip())
    lines.append(
        "-- Review each statement before it is run; CONCURRENTLY must stand in no transaction."
    )
    with_sql = [finding for finding in report.findings if finding.remedy.sql]
    if not with_sql:
        lines += ["", "-- nothing to do"]
    for finding in with_sql:
        lines += ["", *_of(finding)]
    return "\n".join(lines)


def _of(finding: Finding) -> list[str]:
    remedy = finding.remedy
    said = [f"{finding.rule}: {finding.subject}", finding.message]
    if remedy.effect:
        said.append(f"effect: {remedy.effect}")
    if finding.confidence:
        said.append(f"confidence: {finding.confidence}")
    code = [visible(line) for line in remedy.sql.split("\n")]
    return [*map(_comment, said), *code]


def _comment(text: str) -> str:
    return f"-- {plain(text)}"
