"""plan.index-scan-discards-rows"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, ancestors
from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.ddl import (
    ambiguous_text,
    create_index,
    index_keys,
    index_remedy,
    is_strong,
    partial_predicate,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import INDEX_SCANS, discards


@check("plan.index-scan-discards-rows")
def index_scan_discards_rows(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An index finds many rows that a filter then drops.

    Why: Each of those rows is fetched from the table, mostly at random places, to learn that it is
    not wanted.

    Mistaken when: The filter drops that many with these constants only, or the index would have to
    be widened by a column that changes often.

    Remedy: An index that also has the columns of the filter.

    Verify: Run it again: the conditions are in the Index Cond, and Rows Removed by Filter is small
    or gone.
    """
    found = discards(
        plan,
        INDEX_SCANS,
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        used = _used(one.node)
        if not used and any(node.type == "Limit" for node in ancestors(plan, one.node)):
            continue  # plan.index-walked-for-order
        searched = [term for term in used if not is_strong(term)]
        if searched or not any(is_strong(term) for term in one.terms):
            continue  # an index of another kind cannot be widened
        every = (*used, *one.terms)
        sql = create_index(
            one.node, index_keys(every, all_ranges=True), where=partial_predicate(every)
        )
        yield node_finding(
            plan,
            one.node,
            one.message,
            index_remedy(
                "Make an index that has the columns of the filter, too; the one that was used may "
                f"then be superfluous.{ambiguous_text(one.terms)}{one.partition_hint}",
                sql,
            ),
            saving_ms=one.saving_ms,
            evidence={"index": one.node.index, **one.evidence},
        )


def _used(node: Node) -> tuple[Term, ...]:
    """What the index was searched by."""
    key = "Recheck Cond" if node.type == "Bitmap Heap Scan" else "Index Cond"
    return terms(node.conditions.get(key, ""), node.alias or node.relation)
