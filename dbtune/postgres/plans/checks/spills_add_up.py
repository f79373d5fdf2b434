"""plan.spills-add-up"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import of_time, statement_finding
from dbtune.postgres.plans.model import BLOCK_BYTES, Node, Plan
from dbtune.text import bytes_text, plural


@check("plan.spills-add-up", level=Level.info, confidence=Confidence.estimated)
def spills_add_up(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Several nodes write a little to temporary files each, and much together.

    Why: None of them is worth a word alone, but each of them writes and reads files because
    work_mem is too small for it.

    Mistaken when: The files stay in the operating system's cache, where they cost little.

    Remedy: Raise work_mem for the statement, or let it handle fewer and narrower rows; what each
    node needs stands in its own finding where it is worth one.

    Verify: Run it again with the setting: no temporary blocks are written.
    """
    small = [
        node
        for node in plan.nodes
        if _written(node)
        and node.self_ms is not None
        # Others have findings of their own.
        and not worth(plan, node.self_ms, min_ms, min_share)
    ]
    blocks = sum(map(_written, small))
    saving = sum(node.self_ms or 0 for node in small)
    if len(small) < 2 or blocks < min_blocks or not worth(plan, saving, min_ms, min_share):
        return
    current = memory.work_mem_bytes(plan) or memory.DEFAULT_WORK_MEM
    advised = min(4 * current, memory.TOO_MUCH) // memory.MIB or 1
    numbers = ", ".join(f"#{node.id}" for node in small[:10])
    yield statement_finding(
        plan,
        f"{plural(len(small), 'node')} ({numbers}{', ...' if len(small) > 10 else ''}) wrote "
        f"{bytes_text(blocks * BLOCK_BYTES)} to temporary files{of_time(plan, saving)}",
        Remedy(
            f"Try it with {advised} MiB of work_mem, for this statement only, and with more while "
            "something is written; or let the statement handle fewer and narrower rows.",
            sql=f"SET LOCAL work_mem = '{advised}MB';  -- in the statement's transaction",
            effect="lasts until the transaction's end",
        ),
        what="temporary files",
        saving_ms=saving,
        evidence={
            "nodes": len(small),
            "temp_bytes": round(blocks * BLOCK_BYTES),
            "work_mem_to_try_bytes": advised * memory.MIB,
        },
        level_=Level.info,
    )


def _written(node: Node) -> float:
    return node.self_buffers.temp_written if node.self_buffers else 0
