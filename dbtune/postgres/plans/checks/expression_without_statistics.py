"""plan.expression-without-statistics"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.ddl import (
    is_indexable_expression,
    object_name,
    quote,
    table_of,
    without_alias,
)
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, Miss, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import shorten

_DEFAULTS = {0.005: "1 in 200", 1 / 3: "a third", 1 / 9: "a ninth", 0.5: "half", 0.001: "1 in 1000"}
"""Shares of a table that the planner takes where it knows nothing (selfuncs.h)."""
_MAX_EXPRESSIONS = 8
"""As many as CREATE STATISTICS takes."""


@check("plan.expression-without-statistics", confidence=Confidence.estimated)
def expression_without_statistics(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """The planner has no statistics on what a condition computes, and takes a fixed share.

    Why: Statistics are kept for columns. For what is made of them, 1 row in 200 is assumed to be
    equal and a third to be smaller, whatever the values are.

    Mistaken when: Another condition of the same scan is what is estimated wrongly.

    Remedy: Statistics on the expression (PostgreSQL 14), or a condition on the bare column.

    Verify: Plan it again after ANALYZE: the scan's planned rows are within a few times of those
    that come.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause == "expression":
            yield from miss_finding(plan, miss, _remedy(miss), min_ms, min_share)


def _remedy(miss: Miss) -> Remedy:
    share = _default(miss)
    guess = f" It took {share} of the table, as it does where it knows nothing." if share else ""
    unknown = [term for term in miss.found if term.column is None]
    computed = [term for term in unknown if is_indexable_expression(term) or term.cast]
    if not computed:
        return Remedy(
            f"Compare the bare column in place of {shorten(unknown[0].text, 120)}, or keep "
            f"statistics on the expression (CREATE STATISTICS, since 14).{guess}"
        )
    assert miss.node.relation is not None
    written = [without_alias(term.expression, miss.node) for term in computed]
    expressions = list(dict.fromkeys(f"({text})" for text in written))[:_MAX_EXPRESSIONS]
    columns = dict.fromkeys(column.name for term in computed for column in term.columns)
    listed = ", ".join(expressions)
    name = quote(object_name((miss.node.relation, *columns), "stat", unlike=listed))
    name = f"{quote(miss.node.schema)}.{name}" if miss.node.schema else name
    table = table_of(miss.node)
    return Remedy(
        "Keep statistics on the expression (since PostgreSQL 14; before, an index on it has the "
        f"same effect), or compare the bare column.{guess}",
        sql=f"CREATE STATISTICS {name}\n  ON {listed} FROM {table};\nANALYZE {table};",
        effect="ANALYZE reads a sample of the table and blocks neither reads nor writes",
    )


def _default(miss: Miss) -> str:
    """The fixed share that was taken, if the rows read tell that it was one."""
    read = (miss.node.actual_rows or 0) + (miss.node.removed.filter or 0) / (miss.node.loops or 1)
    if miss.node.type != "Seq Scan" or read <= 0:
        return ""
    taken = (miss.node.plan_rows or 0) / read
    return next((text for share, text in _DEFAULTS.items() if 0.9 < taken / share < 1.1), "")
