"""Findings as cards: what, where in the plan, what to do; why and when it errs on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level
from dbtune.render.cells import evidence, saving
from dbtune.render.html.markup import code, tag, text
from dbtune.report import Report

Numbered = tuple[int, Finding]
"""A finding and its number in the report, from 1: its card is called ``f1``, ``f2``, ..."""


def numbered(report: Report) -> list[Numbered]:
    """The report's findings with their numbers."""
    return list(enumerate(report.findings, start=1))


def cards(findings: Sequence[Numbered]) -> Iterator[str]:
    """A card for each finding."""
    for number, finding in findings:
        yield f'<article class="card" id="f{number}">'
        level = (finding.level or Level.info).name
        yield f"<h4>{tag(level)} {text(finding.rule)} <small>({finding.confidence})</small></h4>"
        yield f"<p>{_subject(finding)}</p><p>{text(finding.message)}</p>"
        yield from remedy(finding)
        yield "</article>"


def remedy(finding: Finding) -> Iterator[str]:
    """What to do about it, what that costs, and when it is mistaken."""
    if found := saving(finding):
        yield f"<p>Saves {text(found)}.</p>"
    yield from _labelled("Do", finding.remedy.text)
    for snippet in (finding.remedy.sql, finding.remedy.config):
        if snippet:
            yield code(snippet)
    yield from _labelled("Cost", finding.remedy.effect)
    yield from _labelled("Check", finding.verify)
    yield from _background(finding)


def _subject(finding: Finding) -> str:
    plan, node = finding.evidence.get("plan"), finding.evidence.get("node")
    link = ""
    if isinstance(plan, int) and isinstance(node, int):
        link = f'<a class="node" href="#p{plan}n{node}">#{node}</a> '
    return f"{link}<strong>{text(finding.subject)}</strong>"


def _labelled(label: str, content: str) -> Iterator[str]:
    if content:
        yield f"<p><b>{label}:</b> {text(content)}</p>"


def _background(finding: Finding) -> Iterator[str]:
    numbers = [f"{text(label)} {text(shown)}" for label, shown in evidence(finding)]
    if finding.why or finding.mistaken_when or numbers:
        yield "<details><summary>Why, and when it is mistaken</summary>"
        yield from _labelled("Why", finding.why)
        yield from _labelled("Mistaken when", finding.mistaken_when)
        if numbers:
            yield f"<p><b>Evidence:</b> {' · '.join(numbers)}</p>"
        yield "</details>"
