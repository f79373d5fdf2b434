"""mongo.wasted-storage"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, check
from dbtune.mongo.storage.checks import compact_remedy
from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.text import bytes_text, plain, ratio_text

_MIB = 1 << 20


@check("mongo.wasted-storage", level=Level.info, confidence=Confidence.estimated)
def wasted_storage(
    storage: Sequence[CollectionStorage],
    version: str,
    role: str,
    *,
    min_bytes: int = 100 * _MIB,
    min_ratio: float = 0.2,
    warning_ratio: float = 0.5,
) -> Iterator[Finding]:
    """Much of a collection's file is free blocks and half-empty pages, as deletes leave them.

    Why: The file never shrinks by itself; it takes disk, backups copy it, and pages that are half
    empty are read and kept in the cache like full ones.

    Mistaken when: As much is inserted as is deleted: then the space is used again.

    Remedy: compact, on secondaries first; or an initial sync of each member.
    """
    for one in storage:
        low, high = one.bounds
        ratio = one.bloat_bytes / one.size_bytes if one.size_bytes else 0.0
        # The lower bound decides, so that an error of the estimate is no finding.
        if one.capped or low < min_bytes or low < min_ratio * one.size_bytes:
            continue
        at_most = f" to {bytes_text(high)}" if high is not None and high > low else ""
        free = f", {bytes_text(one.free_bytes)} of it free blocks" if one.free_bytes else ""
        yield Finding(
            subject=plain(one.label),
            message=(
                f"{bytes_text(one.bloat_bytes)} of {bytes_text(one.size_bytes)} "
                f"({ratio_text(ratio)}) would be given back{free}; between {bytes_text(low)}"
                f"{at_most or ' and more'}"
            ),
            evidence={
                "size_bytes": one.size_bytes,
                "bloat_bytes": one.bloat_bytes,
                "bloat_low_bytes": low,
                "bloat_high_bytes": high,
                "free_bytes": one.free_bytes,
                "data_bytes": one.data_bytes,
                "sampled_docs": one.sampled,
            },
            remedy=compact_remedy(one, version, role),
            level=Level.warning if low >= warning_ratio * one.size_bytes else None,
            confidence=Confidence.estimated if one.sampled else Confidence.measured,
        )
