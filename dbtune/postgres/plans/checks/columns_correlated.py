"""plan.columns-correlated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.ddl import object_name, quote, table_of
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, Miss, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan

_MAX_COLUMNS = 8
"""As many as CREATE STATISTICS takes."""


@check("plan.columns-correlated", confidence=Confidence.estimated)
def columns_correlated(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Conditions on several columns together are estimated as if they had nothing to do with
    each other.

    Why: Each halves (or tenths, ...) what the other leaves; where one follows from the other, as
    a city tells the country, far more rows remain.

    Mistaken when: The estimate of one of the columns alone is off already; then ANALYZE is enough.

    Remedy: Extended statistics on the columns together, then ANALYZE.

    Verify: Plan it again after ANALYZE: the scan's planned rows are within a few times of those
    that come.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause == "correlated":
            yield from miss_finding(plan, miss, _remedy(miss), min_ms, min_share)


def _remedy(miss: Miss) -> Remedy:
    columns = _columns(miss, equal_only=True)
    if len(columns) < 2:
        columns = _columns(miss, equal_only=False)
    table = table_of(miss.node)
    assert miss.node.relation is not None
    name = quote(object_name((miss.node.relation, *columns), "stat"))
    # Its schema is that of the table, not the first of the search path.
    name = f"{quote(miss.node.schema)}.{name}" if miss.node.schema else name
    ranges = any(term.kind == "range" for term in miss.found if term.column)
    return Remedy(
        "Let the planner know how the columns go together; ANALYZE alone is enough if the table "
        "was not analyzed for long."
        + (" Of ranges only the most common values are known (mcv)." if ranges else ""),
        sql=f"CREATE STATISTICS {name} (dependencies, mcv)\n"
        f"  ON {', '.join(quote(column) for column in columns)} FROM {table};\n"
        f"ANALYZE {table};",
        effect="ANALYZE reads a sample of the table and blocks neither reads nor writes",
    )


def _columns(miss: Miss, *, equal_only: bool) -> list[str]:
    """The columns of the conditions; dependencies between columns count for equality only."""
    found = (t for t in miss.found if t.kind in ("equality", "boolean", "null") or not equal_only)
    return list(dict.fromkeys(t.column.name for t in found if t.column))[:_MAX_COLUMNS]
