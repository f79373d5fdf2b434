"""GitHub Actions' workflow commands: findings become annotations of the run.

GitHub shows ten of a kind in a step, so the worst come first and the rest are counted.
"""

from __future__ import annotations

from dbtune.finding import Finding, Level
from dbtune.render import Style
from dbtune.report import Report
from dbtune.text import plain, plural, shorten

_COMMANDS = {Level.info: "notice", Level.warning: "warning", Level.critical: "error"}
_MOST = 10


def render(report: Report, style: Style) -> str:
    """A line for each finding, then one for what is skipped and what was left out."""
    lines = []
    for level, command in sorted(_COMMANDS.items(), reverse=True):
        alike = [one for one in report.findings if (one.level or Level.info) is level]
        lines += [_annotation(command, finding) for finding in alike[:_MOST]]
        if len(alike) > _MOST:
            more = plural(len(alike) - _MOST, f"more {level.name} finding")
            lines.append(f"::{command} title=dbtune::{more}")
    lines += [
        f"::notice title=dbtune skipped::{_data(f'{one.what}: {one.reason}')}"
        for one in report.skipped
    ]
    return "\n".join(lines) or f"dbtune {report.command}: no findings"


def _annotation(command: str, finding: Finding) -> str:
    properties = [f"title={_property(finding.rule)}"]
    if finding.file:
        properties += [f"file={_property(finding.file)}", f"line={finding.line or 1}"]
    subject = shorten(plain(finding.subject), 200)
    text = f"{subject}: {finding.message}. {finding.remedy.text}"
    return f"::{command} {','.join(properties)}::{_data(text)}"


def _data(text: str) -> str:
    """Escaped as the runner unescapes it (actions/toolkit, command.ts)."""
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
