"""SARIF 2.1.0: for GitHub code scanning and other viewers of static analysis.

A finding on a server has no file; code scanning shows nothing without one, so such findings point
to the profile file that asked, and name the object as a logical location.
"""

from __future__ import annotations

from typing import Any

from dbtune import __version__
from dbtune.finding import Finding, Level
from dbtune.render import Style
from dbtune.render.document import finding_data
from dbtune.render.json import dumps
from dbtune.report import Report
from dbtune.text import plain, shorten

_LEVELS = {Level.info: "note", Level.warning: "warning", Level.critical: "error"}
_ASKING_FILE = "dbtune.yaml"


def render(report: Report, style: Style) -> str:
    """One run with a result for each finding; what was skipped is a notification."""
    first = {finding.rule: finding for finding in reversed(report.findings)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "dbtune",
                "version": __version__,
                "rules": [_rule(first[name]) for name in sorted(first)],
            }
        },
        "results": [_result(finding, sorted(first)) for finding in report.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "note",
                        "message": {"text": f"skipped {plain(one.what)}: {plain(one.reason)}"},
                    }
                    for one in report.skipped
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
    }
    return dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        },
        indent=2,
    )


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.rule,
        "shortDescription": {"text": finding.title or finding.rule},
        "fullDescription": {"text": finding.why or finding.rule},
        "help": {"text": f"{finding.why}\nMistaken when: {finding.mistaken_when}"},
        "defaultConfiguration": {"level": _LEVELS[finding.level or Level.info]},
    }


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    remedy = finding.remedy
    parts = (finding.message, remedy.text, remedy.sql, remedy.config)
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": _LEVELS[finding.level or Level.info],
        "message": {"text": "\n".join(part for part in parts if part)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": finding.file or _ASKING_FILE},
                    "region": {"startLine": finding.line or 1},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": shorten(plain(finding.subject), 500), "kind": "object"}
                ],
            }
        ],
        "partialFingerprints": {"dbtune/v1": finding.fingerprint},
        "properties": finding_data(finding)["evidence"],
    }
