"""plan.backend-writes"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import own_ms, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text

_BLOCK = 8192


@check("plan.backend-writes", level=Level.info, confidence=Confidence.rule_of_thumb)
def backend_writes(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_share_of_blocks: float = 0.05,
) -> Iterator[Finding]:
    """The statement itself had to write dirty blocks to make room in shared_buffers.

    Why: Usually the checkpointer and the background writer do that; a statement that must do it
    waits for the storage.

    Mistaken when: It wrote very much (a bulk load), or scanned a table larger than a quarter of
    shared_buffers just after it was changed: such scans reuse a small ring and write what they
    dirty.

    Remedy: Raise bgwriter_lru_maxpages (1000), so that clean buffers are at hand; if many
    statements show it, shared_buffers is small for what changes between two checkpoints.

    Verify: Watch buffers_clean and maxwritten_clean in pg_stat_bgwriter; run it again and see
    whether it still writes blocks.
    """
    buffers = plan.root.buffers
    if buffers is None or buffers.shared_written < min_blocks:
        return
    blocks = buffers.shared_hit + buffers.shared_read
    if buffers.shared_written < min_share_of_blocks * blocks:
        return
    saving = None
    if plan.root.io is not None and plan.root.io.shared_write_ms:
        saving = sum(
            node.self_io.shared_write_ms / max(1.0, node.processes)
            for node in plan.nodes
            if node.self_io is not None
        )
    if not worth(plan, saving):
        return
    if saving is None:
        saving = own_ms(
            plan, lambda one: bool(one.self_buffers and one.self_buffers.shared_written)
        )
    yield statement_finding(
        plan,
        f"it wrote {count_text(buffers.shared_written)} blocks itself "
        f"({bytes_text(buffers.shared_written * _BLOCK)}) to make room in shared_buffers",
        Remedy(
            "If many statements show it, let the background writer write more, and look whether "
            "shared_buffers is large enough.",
            config="bgwriter_lru_maxpages = 1000",
            effect="reload",
        ),
        what="writes",
        saving_ms=saving,
        evidence={"blocks_written": round(buffers.shared_written)},
        level_=Level.info,
    )
