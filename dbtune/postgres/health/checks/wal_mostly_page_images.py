"""Most of the WAL is pages in full."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.postgres.facts.settings import Settings
from dbtune.text import bytes_text, ratio_text


@check(
    "pg.wal-mostly-page-images",
    level=Level.info,
    confidence=Confidence.estimated,
    tags=("wal", "checkpoints"),
)
def wal_mostly_page_images(
    checkpoints: Checkpoints,
    settings: Settings,
    *,
    min_ratio: float = 0.5,
    min_bytes_per_second: float = 5 * 1024**2,
) -> Iterator[Finding]:
    """Most of the WAL is pages in full.

    Why: The first change of a page after a checkpoint logs all of it: checkpoints that come often
        multiply the log, which standbys and the archive get as well.

    Mistaken when: A checkpoint has just begun, or an index was being built; with wal_compression
        an image is smaller than was reckoned.

    Remedy: Checkpoints further apart (checkpoint_timeout, max_wal_size), and wal_compression.
    """
    images, written, seconds = (
        checkpoints.wal_full_pages,
        checkpoints.wal_bytes,
        checkpoints.seconds,
    )
    if images is None:
        raise Unavailable("full-page images are counted by PostgreSQL 14 and later", "")
    if not checkpoints.watched or not written or not seconds:
        return
    size = min(images * (settings.size("block_size") or 8192), written)
    if written / seconds < min_bytes_per_second or size < min_ratio * written:
        return
    compressed = settings.get("wal_compression") not in ("", "off")
    yield Finding(
        "wal",
        f"about {ratio_text(size / written)} of {bytes_text(written)} of WAL were pages in full",
        Remedy(
            "Let checkpoints come less often."
            if compressed
            else "Let checkpoints come less often, and compress the images.",
            sql="ALTER SYSTEM SET checkpoint_timeout = '30min';\n"
            + ("" if compressed else "ALTER SYSTEM SET wal_compression = on;\n")
            + "SELECT pg_reload_conf();",
            effect="recovery after a crash takes longer",
        ),
        {
            "full_page_images": images,
            "wal_bytes": written,
            "seconds": seconds,
            "wal_compression": settings.get("wal_compression"),
        },
    )
