"""plan.join-filter-discards-rows"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import terms
from dbtune.postgres.plans.ddl import create_index, index_keys, index_remedy, is_strong
from dbtune.postgres.plans.estimates import outer_miss
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import (
    JOINS,
    child,
    is_user_table,
    matters,
    own_ms,
    without_hash,
)
from dbtune.text import count_text, shorten


@check("plan.join-filter-discards-rows")
def join_filter_discards_rows(
    plan: Plan,
    *,
    min_removed_rows: int = 10_000,
    min_removed_ratio: float = 10,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A join pairs rows by trial: most pairs are dropped by its filter.

    Why: Every pair is made and compared; the work is the product of both sides.

    Mistaken when: The condition is an inequality by nature, and both sides are as small as they
    can be.

    Remedy: A condition of equality, which can be hashed; an index on the inner table's column; for
    intervals a range type with a GiST index.

    Verify: Run it again: a Hash Cond or Index Cond in place of the Join Filter, or few rows removed
    by it.
    """
    for node in plan.nodes:
        if node.type not in JOINS or not node.executed:
            continue
        removed = (node.removed.join_filter or 0) - node.removed.error
        kept = node.total_rows or 0
        if removed < min_removed_rows or removed < min_removed_ratio * kept:
            continue
        inner = child(plan, node, "Inner")
        if inner is not None and inner.type == "Seq Scan":
            continue  # plan.seq-scan-in-loop
        if any(term.kind == "or" for term in terms(node.conditions.get("Join Filter", ""))):
            continue  # plan.or-across-tables
        own = own_ms(node)
        saving = None
        if own is not None:
            # The pairs' rows are handed out by what buffers the inner side.
            buffer = inner.self_ms or 0 if inner and inner.type == "Materialize" else 0
            saving = (own + buffer) * removed / (removed + kept)
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=removed):
            continue
        yield node_finding(
            plan,
            node,
            f"{count_text(round(removed + kept))} pairs were compared for "
            f"{count_text(round(kept))} that match",
            _remedy(plan, node, inner),
            saving_ms=saving,
            evidence={
                "pairs_removed": round(removed),
                "rows_kept": round(kept),
                "condition": shorten(node.conditions.get("Join Filter", ""), 200),
            },
        )


def _remedy(plan: Plan, node: Node, inner: Node | None) -> Remedy:
    scan = without_hash(plan, inner, ("Materialize", "Memoize", "Hash"))
    if node.type != "Nested Loop" or scan is None or not is_user_table(scan):
        return Remedy(
            "Give the join a condition of equality that leaves fewer pairs; of intervals, compare "
            "range types (&&, @>) with a GiST index."
        )
    miss = outer_miss(plan, node)
    reason = (
        f" The planner expected {count_text(round(miss.planned))} rows where "
        f"{count_text(round(miss.actual))} came, and took the loop for cheap."
        if miss
        else ""
    )
    found = terms(node.conditions.get("Join Filter", ""), scan.alias or scan.relation)
    if any(is_strong(term) for term in found):
        keys = index_keys([term for term in found if is_strong(term)])
        return index_remedy(
            f"Make an index on the inner table's columns of the condition.{reason}",
            create_index(scan, keys),
        )
    return Remedy(
        "No index on a column can be searched by this condition: compare the bare columns, or for "
        f"intervals range types (&&, @>) with a GiST index.{reason}"
    )
