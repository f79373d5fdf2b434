"""A document says each problem once, where check and CI want each rule's own finding."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from dbtune.finding import Confidence, Finding, Level


def said_once(findings: Iterable[Finding]) -> list[Finding]:
    """Each problem once: what one asks for that another asks for already is added to that.

    The other is of another rule (those of one rule are of things of their own), at least as bad
    and at least as sure.

    Args:
        findings: of one target, in any order; theirs is that of the result.
    """
    given = [(one, _asked(one)) for one in findings]
    kept: dict[int, list[Finding]] = {}

    def place(number: int) -> tuple[int, int, int, int]:
        one, asked = given[number]
        return -(one.level or Level.info), _sure(one), -len(asked), number

    for number in sorted(range(len(given)), key=place):
        one, asked = given[number]
        told = (
            other
            for other in kept
            if asked <= given[other][1]
            and given[other][0].rule != one.rule
            and _sure(given[other][0]) <= _sure(one)
        )
        first = next(told, number) if asked else number
        kept.setdefault(first, []).append(one)
    return [_with(*kept[number]) for number in sorted(kept)]


def _sure(one: Finding) -> int:
    return list(Confidence).index(one.confidence or Confidence.measured)


def _with(one: Finding, *others: Finding) -> Finding:
    also = "; ".join(f"{other.rule}, too: {other.message}" for other in others)
    return replace(one, message=f"{one.message}; {also}") if also else one


_SETTING = re.compile(r"(?i)^(alter system set \S+).*")
_REMARK = re.compile(r"(?<=;)\s+--.*|\s+#.*")


def _asked(one: Finding) -> frozenset[str]:
    """What its remedy asks for: statements, settings whatever their value, else its words."""
    lines = (line.strip() for line in f"{one.remedy.sql}\n{one.remedy.config}".splitlines())
    code = [line for line in lines if line and not line.startswith(("--", "#", "//"))]
    if code:
        return frozenset(_SETTING.sub(r"\1", _REMARK.sub("", line)) for line in code)
    words = one.remedy.text
    return frozenset([f"{one.subject}: {words}"] if words else [])
