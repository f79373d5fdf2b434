"""plan.volatile-filter"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.ddl import is_strong
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, discards
from dbtune.text import shorten


@check("plan.volatile-filter")
def volatile_filter(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A filter calls a function that may return something else each time.

    Why: It is called for each row, and an index can't be searched by a value that is not fixed;
    it also rules out parallel workers, leaving out partitions, and moving the condition down.

    Mistaken when: A new value for each row is what is meant, as in taking a random sample.

    Remedy: Call it once, in a sub-select; use now() in place of clock_timestamp(); declare your own
    functions STABLE or IMMUTABLE where they are.

    Verify: Plan it again: the value is computed in an InitPlan, or the condition is in an Index
    Cond.
    """
    found = discards(
        plan,
        TABLE_SCANS,
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        term = next((t for t in one.terms if t.operator and t.columns and t.volatile), None)
        if term is None or any(is_strong(t) for t in one.terms):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter calls {term.volatile}() for each row",
            Remedy(
                f"Call {term.volatile}() once: write (SELECT ...) around that side of the "
                "comparison, which then can be searched in an index on the column. For a random "
                "sample use TABLESAMPLE."
            ),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )
