"""plan.dirtying-read"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text, plain, ratio_text

_BLOCK = 8192
_WRITING = ("ModifyTable", "LockRows")


@check("plan.dirtying-read", level=Level.info, confidence=Confidence.estimated)
def dirtying_read(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_block_ratio: float = 0.1,
) -> Iterator[Finding]:
    """A statement that only reads makes blocks dirty.

    Why: The first to read rows after a large load or update marks them as committed (hint bits)
    and removes dead ones from the page: each such block is written again, and with checksums on
    also goes into the WAL.

    Mistaken when: The statement creates a table (CREATE TABLE AS) or calls a function that writes.

    Remedy: VACUUM the table after a load, so that no reader pays for it. VACUUM blocks neither
    reads nor writes.

    Verify: Run it a second time after the VACUUM: no block is dirtied.
    """
    if any(node.type in _WRITING for node in plan.nodes):
        return
    for node in plan.nodes:
        buffers = node.self_buffers
        if buffers is None or not node.relation or buffers.shared_dirtied < min_blocks:
            continue
        blocks = max(1.0, buffers.shared_hit + buffers.shared_read)
        if buffers.shared_dirtied < min_block_ratio * blocks:
            continue
        yield node_finding(
            plan,
            node,
            f"reading made {count_text(buffers.shared_dirtied)} blocks dirty "
            f"({bytes_text(buffers.shared_dirtied * _BLOCK)}, "
            f"{ratio_text(min(1.0, buffers.shared_dirtied / blocks))} of those it read)",
            Remedy(
                "If it happens again the next time, the table is vacuumed too seldom for how fast "
                "it changes; after a load, VACUUM it once.",
                sql=f"VACUUM (ANALYZE) {plain(table_of(node))};",
                effect="reads the table; blocks neither reads nor writes",
            ),
            saving_ms=node.self_ms,
            level_=Level.info,
            evidence={
                "blocks_dirtied": round(buffers.shared_dirtied),
                "blocks_read_or_hit": round(blocks),
            },
        )
