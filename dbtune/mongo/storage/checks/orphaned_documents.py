"""mongo.orphaned-documents"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.text import count_text, plain, ratio_text


@check("mongo.orphaned-documents", level=Level.info)
def orphaned_documents(
    storage: Sequence[CollectionStorage], *, min_docs: int = 10_000, min_ratio: float = 0.05
) -> Iterator[Finding]:
    """Documents that were moved to another shard are still there.

    Why: They take space, and each query that finds them has to throw them away.

    Mistaken when: Chunks are being moved just now.

    Remedy: See whether the range deleter is behind or switched off.
    """
    for one in storage:
        if one.orphans < min_docs or one.orphans < min_ratio * max(1, one.count):
            continue
        share = ratio_text(one.orphans / max(1, one.count))
        yield Finding(
            subject=plain(one.label),
            message=f"{count_text(one.orphans)} documents ({share}) belong to another shard",
            evidence={"orphans": one.orphans, "documents": one.count},
            remedy=Remedy(
                "See db.serverStatus().shardingStatistics.rangeDeleterTasks, and that "
                "disableResumableRangeDeleter is false."
            ),
        )
