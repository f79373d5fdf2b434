"""plan.lossy-bitmap"""

from __future__ import annotations

import math
from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import matters, own_ms
from dbtune.text import count_text, ratio_text

_ENTRY_BYTES = 64
"""A page of a bitmap takes one hash table entry (tbm_calculate_entries in tidbitmap.c)."""
_MARGIN = 1.1


@check("plan.lossy-bitmap", confidence=Confidence.estimated)
def lossy_bitmap(
    plan: Plan,
    *,
    min_lossy_ratio: float = 0.05,
    min_lossy_blocks: int = 500,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A bitmap did not fit into work_mem and remembers whole pages instead of rows.

    Why: Every row of such a page is compared again.

    Mistaken when: The rows wanted fill those pages, so that nothing is compared in vain.

    Remedy: Enough work_mem for the bitmap, for this statement only.
    """
    for node in plan.nodes:
        lossy = node.number("Lossy Heap Blocks") or 0
        exact = node.number("Exact Heap Blocks") or 0
        if lossy < min_lossy_blocks or lossy < min_lossy_ratio * (lossy + exact):
            continue
        rechecked = max(0.0, (node.removed.recheck or 0) - node.removed.error)
        rows = (node.total_rows or 0) + (node.removed.filter or 0) + rechecked
        own = own_ms(node)
        saving = None if own is None or not rows else own * rechecked / rows
        if not rechecked or not matters(
            plan, node, saving, ms=min_ms, share=min_share, rows=rechecked
        ):
            continue
        # Counters are those of all loops, a bitmap is made for each.
        pages = (lossy + exact) / max(1, node.loops or 1)
        need_kb = math.ceil(pages * _ENTRY_BYTES * _MARGIN / 1024)
        setting = plan.settings.get("work_mem")
        yield node_finding(
            plan,
            node,
            f"{ratio_text(lossy / (lossy + exact))} of the bitmap's {count_text(lossy + exact)} "
            f"pages are remembered as a whole; {count_text(round(rechecked))} rows were compared "
            "again in vain",
            Remedy(
                f"Give this statement {count_text(need_kb)} kB of work_mem; each sort and hash of "
                "it may then take as much.",
                sql=f"SET LOCAL work_mem = '{need_kb}kB';",
                effect="this transaction only",
            ),
            saving_ms=saving,
            evidence={
                "lossy_blocks": lossy,
                "exact_blocks": exact,
                "rows_rechecked_in_vain": round(rechecked),
                "needed_work_mem_kb": need_kb,
                "work_mem": setting,
            },
        )
