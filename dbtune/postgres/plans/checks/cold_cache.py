"""plan.cold-cache"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import cautious_level, of_time, own_ms, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, ratio_text

_BLOCK = 8192


def read_ms(plan: Plan) -> float:
    """Time on the clock that was spent on reading shared blocks."""
    return sum(
        node.self_io.shared_read_ms / max(1.0, node.processes)
        for node in plan.nodes
        if node.self_io is not None
    )


@check("plan.cold-cache", confidence=Confidence.estimated)
def cold_cache(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_untimed_blocks: int = 10_000,
    min_read_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = 0.3,
) -> Iterator[Finding]:
    """Most blocks were not in shared_buffers and had to be read.

    Why: The time is the storage's (or the operating system's cache), not the plan's: the same plan
    may be many times faster the next time.

    Mistaken when: The data is read that seldom in production, too; or the blocks came from the
    operating system's cache, which the plan cannot tell.

    Remedy: Run it again and compare before changing anything. If it stays, read less (an index,
    fewer columns in a covering one), or raise shared_buffers if it is below a quarter of RAM.

    Verify: Run it twice in a row: what the second run still reads does not fit into the cache.
    """
    buffers = plan.root.buffers
    if buffers is None:
        return
    read, hit = buffers.shared_read, buffers.shared_hit
    if read < min_blocks or read < min_read_ratio * (read + hit):
        return
    saving = read_ms(plan) if plan.io_timing else None
    if saving is None and read < min_untimed_blocks:
        return
    if not worth(plan, saving, min_ms, min_share):
        return
    advice = (
        "Run it again and look at the second plan: what is still read then is worth reading less "
        "of (an index, fewer columns, fewer rows)."
    )
    if saving is None:
        advice += " How long reading took shows with track_io_timing on."
    bound = saving
    if bound is None:
        bound = own_ms(plan, lambda one: bool(one.self_buffers and one.self_buffers.shared_read))
    yield statement_finding(
        plan,
        f"{ratio_text(read / (read + hit))} of the blocks were read from outside shared_buffers, "
        f"{bytes_text(read * _BLOCK)}{of_time(plan, saving)}",
        Remedy(advice, sql="" if saving is not None else "SET track_io_timing = on;  -- superuser"),
        what="reads",
        saving_ms=bound,
        evidence={
            "blocks_read": round(read),
            "blocks_hit": round(hit),
            "read_ms": saving,
        },
        level_=Level.info if saving is None else cautious_level(plan, saving),
    )
