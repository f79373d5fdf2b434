"""plan.slow-reads"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import cautious_level, node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text


@check("plan.slow-reads", confidence=Confidence.estimated)
def slow_reads(
    plan: Plan,
    *,
    min_ms_per_block: float = 1.0,
    min_blocks: int = 100,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Reading a block from storage takes long.

    Why: Local flash takes 0.1 ms for a random block, network storage 0.5 to 2 ms; more than that
    is a queue or a limit (IOPS, burst credits) at work.

    Mistaken when: The storage was busy just then, for example with a backup or a checkpoint.

    Remedy: Look at the storage's latency and limits at that time. For bitmap scans
    effective_io_concurrency says how many blocks are asked for in advance; since 18 reads are
    asynchronous (io_method) and it matters for more kinds of scans.

    Verify: Run it again at another hour and compare the I/O time for each block read.
    """
    for node in plan.nodes:
        io, buffers = node.self_io, node.self_buffers
        if io is None or buffers is None or buffers.shared_read < min_blocks:
            continue
        each = io.shared_read_ms / buffers.shared_read
        spent = io.shared_read_ms / max(1.0, node.processes)
        saving = spent * (1 - min(1.0, 0.1 / each)) if each else 0.0
        if each < min_ms_per_block or not worth(plan, saving, min_ms, min_share):
            continue
        yield node_finding(
            plan,
            node,
            f"reading {count_text(buffers.shared_read)} blocks took {ms_text(spent)}, "
            f"{ms_text(each)} a block{of_time(plan, spent)}",
            Remedy(
                "Look at the storage's latency and IOPS limit at that time. Fewer reads help in "
                "any case: run it again to see what stays in memory; for a bitmap scan try a "
                "higher effective_io_concurrency.",
                sql="SET LOCAL effective_io_concurrency = 200;  -- flash or network storage"
                if node.type == "Bitmap Heap Scan"
                else "",
            ),
            saving_ms=saving,
            level_=cautious_level(plan, saving),
            evidence={
                "blocks_read": round(buffers.shared_read),
                "ms_per_block": each,
                "read_ms": spent,
            },
        )
