"""plan.temp-table-reads"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import worth
from dbtune.postgres.plans.impact import cautious_level, own_ms, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text

_BLOCK = 8192
_MIB = 1024 * 1024
_DEFAULT = 8 * _MIB


@check("plan.temp-table-reads", confidence=Confidence.rule_of_thumb)
def temp_table_reads(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_read_ratio: float = 0.2,
) -> Iterator[Finding]:
    """Temporary tables do not fit into temp_buffers.

    Why: Each session caches its temporary tables itself; with the default of 8 MB larger ones are
    read from their files again and again.

    Mistaken when: The table was read once only; or its files stay in the operating system's cache
    and reading them costs little.

    Remedy: Raise temp_buffers in the session before it first uses a temporary table; later the
    setting has no effect.

    Verify: Run it in a new session with the setting: local blocks are hit, not read.
    """
    buffers = plan.root.buffers
    if buffers is None:
        return
    read, hit = buffers.local_read, buffers.local_hit
    if read < min_blocks or read < min_read_ratio * (read + hit):
        return
    saving = plan.root.io.local_read_ms or None if plan.root.io else None
    if not worth(plan, saving):
        return
    if saving is None:
        saving = own_ms(plan, lambda one: bool(one.self_buffers and one.self_buffers.local_read))
    # A loop reads at most the whole table: the largest such reading is a lower bound of its size.
    sizes = [
        (node.self_buffers.local_hit + node.self_buffers.local_read) / (node.loops or 1)
        for node in plan.nodes
        if node.self_buffers and node.relation
    ]
    size = max(2 * _DEFAULT, round(max(sizes, default=0) * _BLOCK * 1.2))
    megabytes = -(-size // _MIB)
    sql = f"SET temp_buffers = '{megabytes}MB';  -- before the session's first temporary table"
    yield statement_finding(
        plan,
        f"{count_text(read)} blocks ({bytes_text(read * _BLOCK)}) of temporary tables were read "
        f"from disk, {count_text(hit)} were in temp_buffers",
        Remedy(
            "Raise temp_buffers before the session first uses a temporary table. It is taken from "
            "the session's memory and kept until it ends.",
            sql=sql if size <= 1024 * _MIB else "",
            effect="this session",
        ),
        what="temporary tables",
        saving_ms=saving,
        level_=cautious_level(plan, saving),
        evidence={"local_read_blocks": round(read), "local_hit_blocks": round(hit)},
    )
