"""plan.row-estimate-off"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.conditions import terms
from dbtune.postgres.plans.ddl import quote, table_of
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, Miss, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan


@check("plan.row-estimate-off")
def row_estimate_off(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """The planner expected far fewer or far more rows, and planned what follows for that.

    Why: How tables are joined, in which order, and how much memory is set aside follows from these
    numbers.

    Mistaken when: The values asked for are rare exceptions; statistics describe what is usual.

    Remedy: ANALYZE the table; if that is not enough, more detailed statistics on the column.

    Verify: Plan it again after ANALYZE: the node's planned rows are within a few times of those
    that come.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause in ("table", "column", "join", "other"):
            yield from miss_finding(plan, miss, _remedy(miss), min_ms, min_share)


def _remedy(miss: Miss) -> Remedy:
    if miss.cause == "table":
        table = table_of(miss.node)
        return Remedy(
            "No condition is involved: the table has changed since it was last analyzed, or never "
            "was.",
            sql=f"ANALYZE {table};",
        )
    if miss.cause == "column":
        table = table_of(miss.node)
        column = next(term.column.name for term in miss.found if term.column)
        finer = f"ALTER TABLE {table} ALTER COLUMN {quote(column)} SET STATISTICS 1000"
        return Remedy(
            "Have the table analyzed; if the estimate stays wrong, keep more of the column's "
            "values (the default is 100) and analyze again.",
            sql=f"ANALYZE {table};\n-- if that is not enough:\n-- {finer};",
            effect="ANALYZE reads a sample of the table and blocks neither reads nor writes",
        )
    if miss.cause == "join":
        condition = next((c for key in _JOINED if (c := miss.node.conditions.get(key))), "")
        names = sorted(
            {f"{c.table}.{c.name}" for t in terms(condition) for c in t.columns if c.table}
        )
        on = f" ({', '.join(names)})" if names else ""
        return Remedy(
            f"Both sides are estimated well, what comes of joining them{on} is not: a few keys are "
            "far more frequent than the rest, or a condition on one table tells much about the "
            "other. ANALYZE both, with SET STATISTICS 1000 on the joined columns; PostgreSQL has "
            "no statistics across tables, so that a CTE AS MATERIALIZED, which is planned on its "
            "own, may be the way out."
        )
    return Remedy(
        "The rows are those of something without statistics. Put them into a temporary table and "
        "ANALYZE it, if the rest of the plan depends on their number."
    )


_JOINED = ("Hash Cond", "Merge Cond", "Join Filter")
