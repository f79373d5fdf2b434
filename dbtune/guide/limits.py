"""From where on a number is called worse than it is now: the rule that ``dbtune compare`` uses."""

from __future__ import annotations

from dbtune.compare.model import Measure
from dbtune.compare.verdict import number


def limit_of(measure: Measure) -> str:
    """``above 12.3`` or ``below 97.1 %``; "" for what is neither good nor bad, or not known.

    It is taken from the long run: what was observed for seconds may be chance.
    """
    value = measure.before
    if value is None or not measure.better:
        return ""
    if measure.better == "less":
        least = max(value + measure.least, value * measure.least_ratio)
        return "" if measure.kind == "ratio" and least >= 1 else f"above {number(measure, least)}"
    most = min(value - measure.least, value / measure.least_ratio)
    return f"below {number(measure, most)}" if most > 0 else ""
