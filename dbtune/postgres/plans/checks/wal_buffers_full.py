"""plan.wal-buffers-full"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import own_ms, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text


@check("plan.wal-buffers-full", level=Level.info, confidence=Confidence.rule_of_thumb)
def wal_buffers_full(plan: Plan, *, min_times: int = 100) -> Iterator[Finding]:
    """The statement had to write WAL out itself because wal_buffers were full.

    Why: Each time the session waits for a write before it can go on.

    Mistaken when: It is a bulk load, which fills any wal_buffers.

    Remedy: Raise wal_buffers (a restart); beyond 64 MB it seldom helps.

    Verify: Watch wal_buffers_full in pg_stat_wal for a day after the restart.
    """
    wal = plan.root.wal
    if wal is None or wal.buffers_full < min_times:
        return
    writing = own_ms(plan, lambda node: bool(node.self_wal and node.self_wal.buffers_full))
    yield statement_finding(
        plan,
        f"wal_buffers were full {count_text(wal.buffers_full)} times while it wrote "
        f"{bytes_text(wal.bytes)} of WAL",
        Remedy(
            "Look at wal_buffers_full in pg_stat_wal: if it grows with everyday statements, raise "
            "wal_buffers.",
            config="wal_buffers = 64MB",
            effect="restart",
        ),
        what="wal_buffers",
        saving_ms=writing,
        level_=Level.info,
        evidence={"times": round(wal.buffers_full), "wal_bytes": round(wal.bytes)},
    )
