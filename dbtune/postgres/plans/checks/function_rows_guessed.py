"""plan.function-rows-guessed"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.estimates import MIN_FACTOR, MIN_ROWS, misses
from dbtune.postgres.plans.misses import miss_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text


@check("plan.function-rows-guessed")
def function_rows_guessed(
    plan: Plan,
    *,
    min_factor: float = MIN_FACTOR,
    min_rows: float = MIN_ROWS,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """A function returns far more or far fewer rows than it is declared to.

    Why: The planner takes the number in the function's ROWS clause, which is 1000 unless somebody
    set it, and plans the joins for that.

    Mistaken when: The number differs from call to call by as much.

    Remedy: Declare the usual number of rows, or put the rows into a temporary table and ANALYZE it.

    Verify: Plan it again: the Function Scan's planned rows are those declared, and the join above
    fits them.
    """
    for miss in misses(plan, min_factor=min_factor, min_rows=min_rows):
        if miss.cause != "function":
            continue
        rows = count_text(round(miss.actual)).replace(",", "")
        remedy = Remedy(
            f"Declare the rows it returns: ALTER FUNCTION {miss.node.function or '...'}(...) ROWS "
            f"{rows}. For a function of the server's own, put its rows into a temporary table and "
            "ANALYZE that; for an array, its length in a support function can't be known."
        )
        yield from miss_finding(plan, miss, remedy, min_ms, min_share)
