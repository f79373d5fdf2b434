"""A line for Nagios, Icinga and what speaks their language; the exit code is theirs, too.

Monitoring Plugins Development Guidelines: ``STATUS - text | label=value``, exit code 0 OK,
1 WARNING, 2 CRITICAL, 3 UNKNOWN. Further lines are the long output, in which ``|`` may not stand.
"""

from __future__ import annotations

from dbtune.finding import Finding, Level
from dbtune.render import Style
from dbtune.report import Report
from dbtune.text import plain, plural, shorten

_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MOST = 20


def exit_code(report: Report) -> int:
    """What the plugin's exit code is: nothing examined is UNKNOWN, and so is skipped alone."""
    levels = [finding.level or Level.info for finding in report.findings]
    worst = max(levels, default=Level.info)
    if worst >= Level.warning:
        return 2 if worst is Level.critical else 1
    return 3 if report.skipped else 0


def render(report: Report, style: Style) -> str:
    """The status line with its counts, then a line for each finding that matters."""
    counts = {
        level: sum((one.level or Level.info) is level for one in report.findings)
        for level in (Level.critical, Level.warning, Level.info)
    }
    bad = [one for one in report.findings if (one.level or Level.info) >= Level.warning]
    told = (
        "; ".join(_short(one) for one in bad[:3]) or plural(len(report.examined), "check") + " made"
    )
    if report.skipped:
        told += f"; {len(report.skipped)} skipped"
    numbers = " ".join(f"{level.name}={count}" for level, count in counts.items())
    numbers += f" skipped={len(report.skipped)}"
    lines = [f"DBTUNE {_WORDS[exit_code(report)]} - {told} | {numbers}"]
    lines += [_clean(f"{one.rule}: {one.subject}: {one.message}") for one in bad[:_MOST]]
    lines += [_clean(f"skipped {one.what}: {one.reason}") for one in report.skipped[:_MOST]]
    return "\n".join(lines)


def _short(finding: Finding) -> str:
    return _clean(f"{finding.rule} {finding.subject}", 80)


def _clean(text: str, width: int = 500) -> str:
    return shorten(plain(text), width).replace("|", "¦")
