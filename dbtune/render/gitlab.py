"""GitLab's Code Quality report: findings beside a merge request.

The format of CodeClimate that GitLab reads (GitLab documentation, "Code Quality report format").
A finding on a server has no file; it points to the profile file that asked, as in SARIF.
"""

from __future__ import annotations

from dbtune.finding import Finding, Level
from dbtune.render import Style
from dbtune.render.json import dumps
from dbtune.report import Report
from dbtune.text import plain, shorten

_SEVERITIES = {Level.info: "info", Level.warning: "major", Level.critical: "critical"}
_ASKING_FILE = "dbtune.yaml"


def render(report: Report, style: Style) -> str:
    """A list with an entry for each finding."""
    return dumps([_entry(finding) for finding in report.findings], indent=2)


def _entry(finding: Finding) -> dict[str, object]:
    subject = shorten(plain(finding.subject), 200)
    return {
        "description": f"{subject}: {plain(finding.message)}. {plain(finding.remedy.text)}",
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.level or Level.info],
        "location": {
            "path": finding.file or _ASKING_FILE,
            "lines": {"begin": finding.line or 1},
        },
    }
