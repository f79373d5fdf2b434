"""The SQL of all remedies as a script to review: comments say why, nothing else runs.

A command that makes a script of its own has that one.
"""

from __future__ import annotations

from dbtune.finding import Finding
from dbtune.render import Style
from dbtune.report import Report
from dbtune.text import plain, visible

MARKS = {"mongodb": "//", "redis": "#"}
"""How a comment begins where a remedy is no SQL."""


def render(report: Report, style: Style) -> str:
    """A script; statements of findings without SQL are missing."""
    own = [one.text for one in report.artifacts if one.language == "sql"]
    if own:
        return "\n".join(own)
    target = report.target or {}
    engine = str(target.get("engine", ""))
    mark = MARKS.get(engine, "--")
    lines = [f"{mark} dbtune {report.command}"]
    if target:
        known = (str(target[key]) for key in ("server", "database", "name") if target.get(key))
        lines.append(comment(mark, "of " + ", ".join(known)))
    if report.collected_at:
        lines.append(f"{mark} at {report.collected_at:%Y-%m-%d %H:%M:%S %Z}".rstrip())
    review = "Review each statement before it is run"
    review += "." if engine in MARKS else "; CONCURRENTLY must stand in no transaction."
    lines.append(comment(mark, review))
    with_sql = [finding for finding in report.findings if finding.remedy.sql]
    if not with_sql:
        lines += ["", f"{mark} nothing to do"]
    for finding in with_sql:
        lines += ["", *remedy_lines(mark, finding)]
    return "\n".join(lines)


def remedy_lines(mark: str, finding: Finding) -> list[str]:
    """A remedy's statements below comments that say what they are for."""
    remedy = finding.remedy
    said = [f"{finding.rule}: {finding.subject}", finding.message]
    if remedy.effect:
        said.append(f"effect: {remedy.effect}")
    if finding.confidence:
        said.append(f"confidence: {finding.confidence}")
    code = [visible(line) for line in remedy.sql.split("\n")] if remedy.sql else []
    return [*(comment(mark, text) for text in said), *code]


def comment(mark: str, text: str) -> str:
    """A line of comment that no text can end."""
    return f"{mark} {plain(text)}"
