"""plan.bitmap-and-of-indexes"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import terms
from dbtune.postgres.plans.ddl import create_index, index_keys, index_remedy, is_strong
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import is_user_table, matters
from dbtune.text import count_text


@check("plan.bitmap-and-of-indexes")
def bitmap_and_of_indexes(
    plan: Plan,
    *,
    min_index_rows: int = 10_000,
    min_rows_ratio: float = 10,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Several indexes are read in full only to keep what they have in common.

    Why: Each index yields far more entries than rows remain; one index on all the columns goes to
    those rows straight away.

    Mistaken when: The single indexes serve many combinations of columns, of which this is one.

    Remedy: One index on the columns together.

    Verify: Plan it again: one index scan in place of the BitmapAnd, and fewer blocks read.
    """
    for node in plan.nodes:
        if node.type != "BitmapAnd" or not node.executed or node.parent is None:
            continue
        heap = plan.nodes[node.parent]
        if heap.type != "Bitmap Heap Scan" or not is_user_table(heap):
            continue
        below = plan.children(node)
        entries = sum(one.total_rows or 0 for one in plan.descendants(node))
        kept = max(1.0, heap.total_rows or 0)
        if entries < min_index_rows or entries < min_rows_ratio * kept:
            continue
        saving = None
        if node.inclusive_ms is not None:
            saving = node.inclusive_ms * (1 - kept / entries)
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=entries):
            continue
        yield node_finding(
            plan,
            heap,
            f"{len(below)} indexes of {heap.relation} gave {count_text(round(entries))} entries "
            f"for {count_text(round(heap.total_rows or 0))} rows",
            _remedy(heap, below),
            saving_ms=saving,
            evidence={"index_entries": round(entries), "rows_kept": round(heap.total_rows or 0)},
        )


def _remedy(heap: Node, below: tuple[Node, ...]) -> Remedy:
    alias = heap.alias or heap.relation
    found = [term for one in below for term in terms(one.conditions.get("Index Cond", ""), alias)]
    simple = all(one.type == "Bitmap Index Scan" for one in below)
    if not simple or not found or not all(is_strong(term) for term in found):
        return Remedy("Make one index on the columns of all these conditions, if they allow it.")
    return index_remedy(
        "Make one index on the columns together.",
        create_index(heap, index_keys(found, all_ranges=True)),
    )
