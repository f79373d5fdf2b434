"""mongo.orphans-filtered"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, ratio_text


@check("mongo.orphans-filtered")
def orphans_filtered(
    plan: Plan, *, min_docs: int = 100, min_ratio: float = 0.1
) -> Iterator[Finding]:
    """Many documents that are read belong to another shard and are thrown away.

    Why: After a chunk has moved, or a move was broken off, its documents stay until they are
    deleted; until then each read finds them and has to remove them.

    Mistaken when: Chunks are being moved just now.

    Remedy: Wait for the range deleter (rangeDeleterDelay), or run cleanupOrphaned on the shard
    (4.2 and earlier).
    """
    for stage in plan.nodes:
        skips = stage.number("chunkSkips") or 0
        seen = skips + (stage.total_rows or 0)
        if stage.type != "SHARDING_FILTER" or skips < min_docs or skips < min_ratio * seen:
            continue
        yield on_stage(
            plan,
            stage,
            f"{count_text(round(skips))} of {count_text(round(seen))} documents "
            f"({ratio_text(skips / seen)}) belong to another shard",
            Remedy(
                "See whether chunks are being moved (sh.status()) and whether the range deleter "
                "is behind: db.serverStatus().shardingStatistics.rangeDeleterTasks."
            ),
            evidence={"orphans": round(skips), "seen": round(seen)},
        )
