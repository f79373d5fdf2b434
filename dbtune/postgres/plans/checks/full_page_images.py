"""plan.full-page-images"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import own_ms, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text, ratio_text

_BLOCK = 8192
_MIB = 1024 * 1024


@check("plan.full-page-images", level=Level.info, confidence=Confidence.estimated)
def full_page_images(
    plan: Plan,
    *,
    min_wal_bytes: int = 10 * _MIB,
    min_ratio: float = 0.5,
) -> Iterator[Finding]:
    """Most of the statement's WAL are images of whole pages.

    Why: The first change of a page after each checkpoint writes the whole page to the WAL, 8 kB
    for a row of a hundred bytes.

    Mistaken when: A checkpoint had just begun: every large write after it starts like this.

    Remedy: Checkpoints farther apart (max_wal_size, checkpoint_timeout), and wal_compression.

    Verify: Compare requested with timed checkpoints over an hour (pg_stat_checkpointer, before 17
    pg_stat_bgwriter), and wal_fpi in pg_stat_statements before and after.
    """
    wal = plan.root.wal
    if wal is None or wal.bytes < min_wal_bytes:
        return
    # With wal_compression an image is smaller than a page.
    share = min(1.0, wal.fpi * _BLOCK / wal.bytes)
    if share < min_ratio:
        return
    writing = own_ms(plan, lambda node: bool(node.self_wal and node.self_wal.fpi))
    yield statement_finding(
        plan,
        f"{count_text(wal.fpi)} page images are up to {ratio_text(share)} of the "
        f"{bytes_text(wal.bytes)} of WAL it wrote",
        Remedy(
            "If checkpoints are requested rather than timed, raise max_wal_size; compress the "
            "images.",
            config="wal_compression = on  # lz4 or zstd since 15\ncheckpoint_timeout = 15min",
            effect="reload; recovery after a crash takes longer the farther apart checkpoints are",
        ),
        what="write-ahead log",
        saving_ms=writing,
        level_=Level.info,
        evidence={
            "wal_bytes": round(wal.bytes),
            "full_page_images": round(wal.fpi),
            "image_ratio": share,
        },
    )
