"""plan.many-index-searches"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.ddl import create_index, index_keys, index_remedy, is_strong
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import matters
from dbtune.text import count_text


@check("plan.many-index-searches", level=Level.info)
def many_index_searches(
    plan: Plan,
    *,
    min_searches: int = 1000,
    min_searches_per_scan: float = 100,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """One scan descends into its index very often.

    Why: Without a condition on the index's first column, PostgreSQL 18 tries each of that column's
    values in turn (a skip scan); a list of values is looked up one by one.

    Mistaken when: The statement is rare, or the list really is that long.

    Remedy: An index that begins with the columns of the condition.

    Verify: Run it again: Index Searches is near the number of loops.
    """
    for node in plan.nodes:
        searches = node.number("Index Searches") or 0
        scans = max(1, node.loops or 1)
        if searches < min_searches or searches < min_searches_per_scan * scans:
            continue
        saving = None if node.self_ms is None else node.self_ms * (1 - scans / searches)
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=searches):
            continue
        heap = _heap(plan, node)
        alias = (heap.alias or heap.relation) if heap else None
        found = terms(node.conditions.get("Index Cond", ""), alias)
        yield node_finding(
            plan,
            node,
            f"{count_text(searches)} searches of {node.index} in {count_text(scans)} "
            f"{'scan' if scans == 1 else 'scans'}",
            _remedy(heap, found),
            saving_ms=saving,
            evidence={"index_searches": searches, "loops": scans},
            level_=Level.info,
        )


def _heap(plan: Plan, node: Node) -> Node | None:
    """The node that names the table: a Bitmap Index Scan does not."""
    for one in (node, *plan.ancestors(node)):
        if one.relation:
            return one
        if one.type not in ("Bitmap Index Scan", "BitmapAnd", "BitmapOr"):
            break
    return None


def _remedy(heap: Node | None, found: tuple[Term, ...]) -> Remedy:
    if any(term.many for term in found):
        return Remedy(
            "Each value of the list is a search. For a list of thousands, join with "
            "unnest($1::bigint[]) or a temporary table instead: a hash or merge join may then be "
            "cheaper."
        )
    if heap is None or not found or not all(is_strong(term) for term in found):
        return Remedy("Make an index that begins with the columns of the condition.")
    return index_remedy(
        "Make an index that begins with the columns of the condition.",
        create_index(heap, index_keys(found)),
    )
