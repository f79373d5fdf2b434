"""plan.lossy-bitmap"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import matters, own_ms
from dbtune.text import bytes_text, count_text, ratio_text

_ENTRY_BYTES = 64
"""A page of a bitmap takes one hash table entry (tbm_calculate_entries in tidbitmap.c)."""


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

    Remedy: Raise work_mem for the statement to 64 bytes per page of the bitmap; or an index on
    more of the condition's columns, which makes a smaller bitmap.

    Verify: Run it again with the setting: Heap Blocks has no lossy part.
    """
    for node in plan.nodes:
        lossy, exact = _pages(node, "Lossy"), _pages(node, "Exact")
        # All pages are as a whole what a BRIN index finds: see plan.recheck-discards-rows.
        if not exact or lossy < min_lossy_blocks or lossy < min_lossy_ratio * (lossy + exact):
            continue
        rechecked = max(0.0, (node.removed.recheck or 0) - node.removed.error)
        rows = (node.total_rows or 0) + (node.removed.filter or 0) + rechecked
        own = own_ms(node)
        saving = None if own is None or not rows else own * rechecked / rows
        if not rechecked or not matters(
            plan, node, saving, ms=min_ms, share=min_share, rows=rechecked
        ):
            continue
        pages = _largest(plan, node, lossy + exact)
        advised = memory.advised_bytes(plan, pages * _ENTRY_BYTES)
        yield node_finding(
            plan,
            node,
            f"{ratio_text(lossy / (lossy + exact))} of the bitmap's {count_text(lossy + exact)} "
            f"pages are remembered as a whole; {count_text(round(rechecked))} rows were compared "
            "again in vain",
            memory.remedy(
                plan,
                "An index on more of the condition's columns makes a smaller bitmap.",
                advised,
                f"A page takes {_ENTRY_BYTES} bytes, all {bytes_text(pages * _ENTRY_BYTES)}.",
            ),
            saving_ms=saving,
            evidence={
                "lossy_blocks": round(lossy),
                "exact_blocks": round(exact),
                "rows_rechecked_in_vain": round(rechecked),
                "work_mem_needed_bytes": advised,
            },
        )


def _pages(node: Node, kind: str) -> float:
    """Heap pages of all loops and processes; workers tell theirs since 18, apart."""
    found = [node.number(f"{kind} Heap Blocks") or 0]
    for worker in node.workers:
        pages = worker.props.get(f"{kind} Heap Blocks")
        found.append(pages if isinstance(pages, int | float) else 0)
    return sum(found)


def _largest(plan: Plan, node: Node, pages: float) -> float:
    """Pages of the largest bitmap of one loop, before AND and OR."""
    blocks = node.self_buffers
    if node.parallel_aware and blocks is not None:
        # Up to 17 only the pages that the leader visited are shown.
        pages = max(pages, blocks.shared_hit + blocks.shared_read)
    elif node.parallel_aware:
        pages *= max(1.0, node.processes)
    # Processes of a parallel scan share one bitmap, others build one in each loop.
    builds = (node.loops or 1) / (node.processes if node.parallel_aware else 1)
    below = plan.descendants(node)
    combined = any(one.type in ("BitmapAnd", "BitmapOr") for one in below)
    # A bitmap that is combined with another may have more pages than the result, one a row.
    single = [
        min(one.actual_rows or 0, 20 * pages)
        for one in below
        if combined and one.type == "Bitmap Index Scan"
    ]
    return max([pages / max(1.0, builds), *single])
