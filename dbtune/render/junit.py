"""JUnit XML: each check is a test case, so that CI shows what failed, passed and was skipped.

Findings from ``warning`` on are failures; those of level ``info`` stand in the test case's output.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from dbtune.finding import Finding, Level
from dbtune.render import Style
from dbtune.report import Report
from dbtune.text import plain, visible

# What XML 1.0 has no way to write, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report, style: Style) -> str:
    """A test suite named after the command."""
    cases = [
        _case(report, finding.rule, plain(finding.subject), _outcome(finding))
        for finding in report.findings
    ]
    found = {finding.rule for finding in report.findings}
    skipped = {one.what for one in report.skipped}
    cases += [
        _case(report, name, "", "") for name in report.examined if name not in found | skipped
    ]
    for one in report.skipped:
        reason = quoteattr(_clean(plain(one.reason)))
        cases.append(_case(report, plain(one.what), "", f"<skipped message={reason}/>"))
    failures = sum((f.level or Level.info) >= Level.warning for f in report.findings)
    counts = (
        f'tests="{len(cases)}" failures="{failures}" skipped="{len(report.skipped)}" errors="0"'
    )
    name = quoteattr(f"dbtune {report.command}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {counts}>",
        f"<testsuite name={name} {counts}>",
        *cases,
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines)


def _case(report: Report, check: str, subject: str, inside: str) -> str:
    name = quoteattr(_clean(f"{check}: {subject}" if subject else check))
    group = quoteattr(f"dbtune.{report.command}")
    return f"<testcase classname={group} name={name}>{inside}</testcase>"


def _outcome(finding: Finding) -> str:
    level = finding.level or Level.info
    remedy = finding.remedy
    parts = (finding.why, remedy.text, remedy.sql, remedy.config)
    text = "\n".join(visible(line) for part in parts if part for line in part.split("\n"))
    body = escape(_clean(text))
    if level < Level.warning:
        return f"<system-out>{escape(_clean(plain(finding.message)))}\n{body}</system-out>"
    message = quoteattr(_clean(plain(finding.message)))
    return f"<failure type={quoteattr(level.name)} message={message}>{body}</failure>"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
