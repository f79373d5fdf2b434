"""plan.recheck-discards-rows"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import matters, own_ms
from dbtune.text import count_text


@check("plan.recheck-discards-rows")
def recheck_discards_rows(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An index of a kind that only narrows down finds more wrong rows than right ones.

    Why: GIN, GiST and BRIN indexes keep an abridged form of the values; every row that they find
    is fetched and compared with the whole value. More work_mem does not change that.

    Mistaken when: The pattern is short because users type it that way.

    Remedy: A more telling condition, or an index that keeps more of the value.

    Verify: Run it again: Rows Removed by Index Recheck is smaller than the rows returned.
    """
    for node in plan.nodes:
        removed = (node.removed.recheck or 0) - node.removed.error
        kept = node.total_rows or 0
        lossy, exact = node.number("Lossy Heap Blocks"), node.number("Exact Heap Blocks")
        if (lossy and exact) or removed < min_removed_rows or removed <= kept:
            continue  # lossy for want of memory: plan.lossy-bitmap
        share = removed / (removed + kept + (node.removed.filter or 0))
        own = own_ms(node)
        saving = None if own is None else own * share
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=removed):
            continue
        condition = node.conditions.get("Recheck Cond", node.conditions.get("Index Cond", ""))
        yield node_finding(
            plan,
            node,
            f"the index found {count_text(round(removed + kept))} rows, of which "
            f"{count_text(round(removed))} turned out wrong when compared in full",
            Remedy(_BRIN if lossy else _advice(condition)),
            saving_ms=saving,
            evidence={"rows_rechecked_in_vain": round(removed), "rows_kept": round(kept)},
        )


_BRIN = (
    "If it is a BRIN index: it helps where the table is in the order of the column only; else a "
    "b-tree finds no wrong rows. A smaller pages_per_range finds fewer."
)


def _advice(condition: str) -> str:
    if "~~" in condition or " ~ " in condition or " % " in condition:
        return (
            "Search for a longer text: trigrams of three letters that are common find too much. "
            "For the beginning of a text, a b-tree with text_pattern_ops finds no wrong rows; for "
            "GiST, a larger siglen in gist_trgm_ops finds fewer."
        )
    if "@>" in condition or "@@" in condition or "@?" in condition:
        return (
            "For a value that is often searched, index just that (for JSON a b-tree on "
            "(data ->> 'key')); for jsonb, jsonb_path_ops finds fewer wrong rows than the default."
        )
    return _BRIN
