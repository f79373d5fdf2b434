"""How one value looks to a person, by the kind of its column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from dbtune.finding import Finding, Level
from dbtune.render.document import value as json_value
from dbtune.report import Column, Report
from dbtune.text import bytes_text, count_text, ms_text, plain, ratio_text, significant

LEVEL_STYLES = {Level.critical: "bold red", Level.warning: "yellow", Level.info: "cyan"}
"""How a level is coloured, wherever it stands."""
RIGHT = frozenset({"int", "id", "float", "ms", "seconds", "bytes", "ratio"})
"""Kinds that are aligned to the right."""


def cell(column: Column, item: object) -> str:
    """A value as text for people; never holds a control character. "" for ``None``."""
    if item is None:
        return ""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, Decimal):  # which has more digits than a float
        item = int(item) if column.kind == "int" and item.is_finite() else float(item)
    if isinstance(item, int | float):
        return _number(column.kind, item)
    if isinstance(item, datetime):
        return str(json_value(item)).replace("T", " ").replace("Z", " UTC")
    if isinstance(item, str):
        return plain(item)
    if isinstance(item, Iterable):
        return plain(", ".join(str(one) for one in item))
    return plain(str(item))


def _number(kind: str, number: float) -> str:
    if number != number or abs(number) == math.inf:
        return ""  # as null in JSON
    if kind == "id":
        return str(int(number))
    if kind == "bytes":
        return bytes_text(number)
    if kind == "ms":
        return ms_text(number)
    if kind == "seconds":
        return ms_text(number * 1000)
    if kind in ("ratio", "share"):
        return ratio_text(number)
    return significant(number) if kind == "float" else count_text(number)


def is_blank(item: object) -> bool:
    """Whether a value says nothing: absent, zero or empty."""
    return item is None or item == 0 or item == "" or item == ()


def subject(finding: Finding, report: Report) -> str:
    """What a finding is about, with the number of the node where that is one of a plan."""
    node, plan = finding.evidence.get("node"), finding.evidence.get("plan")
    several = any(len(table.trees) > 1 for table in report.tables)
    where = [f"plan {plan}"] if several and plan is not None else []
    where += [f"#{node}"] if node is not None and plan is not None else []
    return " ".join([*where, plain(finding.subject)])


def level_counts(findings: Iterable[Finding]) -> str:
    """``1 critical, 2 warning``."""
    levels = [finding.level or Level.info for finding in findings]
    found = [(level, levels.count(level)) for level in sorted(Level, reverse=True)]
    return ", ".join(f"{number} {level.name}" for level, number in found if number)


def saving(finding: Finding) -> str:
    """``up to 686 ms (54 %)``, the most that mending it saves, or that it is not known.

    "" for findings that are not about the time of one statement.
    """
    ms, ratio = (finding.evidence.get(f"saving_at_most_{unit}") for unit in ("ms", "ratio"))
    if not isinstance(ms, int | float):
        known = "saving_at_most_ms" not in finding.evidence
        return "" if known else "an unknown time: the plan does not tell"
    share = f" ({ratio_text(ratio)} of the time)" if isinstance(ratio, int | float) else ""
    return f"up to {ms_text(ms)}{share}"


_UNITS = {"_bytes": bytes_text, "_ms": ms_text, "_ratio": ratio_text}
_SHOWN_ELSEWHERE = ("plan", "node", "saving_at_most_ms", "saving_at_most_ratio")


def evidence(finding: Finding) -> Iterator[tuple[str, str]]:
    """The numbers behind a finding: what each is, and the number with its unit."""
    for name, item in finding.evidence.items():
        if item in (None, "") or name in _SHOWN_ELSEWHERE:
            continue
        unit = next((one for one in _UNITS if f"{one}_" in f"_{name}_"), "")
        label = f"_{name}_".replace(f"{unit}_", "_", 1).strip("_") if unit else name
        shown = str(item)
        if isinstance(item, bool):
            shown = "yes" if item else "no"
        elif isinstance(item, int | float):
            shown = (_UNITS[unit] if unit else count_text)(item)
        yield (label or name).replace("_", " "), plain(shown)
