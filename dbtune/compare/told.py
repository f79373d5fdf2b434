"""Words on a statement's change that several findings and tables say."""

from __future__ import annotations

import math
import re

from dbtune.compare.model import Comparison, StatementChange
from dbtune.text import count_text, ms_text, significant


def time_told(one: StatementChange) -> str:
    """``mean 0.12 ms → 48.0 ms (400 times, p < 0.001)``."""
    if one.before is None or one.after is None:
        return ""
    parts = []
    if one.shift.ratio is not None:
        parts.append(f"{significant(one.shift.ratio)} times")
    if one.shift.p is not None:
        parts.append(p_told(one.shift.p))
    numbers = f"mean {ms_text(one.before.mean_ms)} → {ms_text(one.after.mean_ms)}"
    return f"{numbers} ({', '.join(parts)})" if parts else numbers


def p_told(p: float) -> str:
    """``p < 0.001`` or ``p = 0.04``: chance of such a difference without cause."""
    return "p < 0.001" if p < 0.001 else f"p = {significant(p, 2)}"


def calls_told(one: StatementChange) -> str:
    """``1,200 calls before, 340 after``."""
    before = one.before.calls if one.before else 0
    after = one.after.calls if one.after else 0
    return f"{count_text(round(before))} calls before, {count_text(round(after))} after"


def share_after(comparison: Comparison, one: StatementChange) -> float:
    """A statement's share of the time of all statements after."""
    whole = math.fsum(
        each.after.total_ms
        for each in comparison.statements or ()
        if each.after and not each.after.nested
    )
    return one.after.total_ms / whole if one.after and whole else 0.0


def rebuild_sql(definition: str) -> str:
    """The statement that makes an index again while its table is in use; "" if it is not known."""
    found = re.match(r"CREATE (UNIQUE )?INDEX ", definition)
    if found is None:
        return ""
    return f"{found[0]}CONCURRENTLY {definition[found.end() :]};"


REBUILD_EFFECT = "reads the table twice; reads and writes go on meanwhile"
