"""pg.wal-heavy"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.statements.checks import subject
from dbtune.statements import Statement, Window
from dbtune.text import bytes_text, count_text, ratio_text


@check("pg.wal-heavy", level=Level.info)
def wal_heavy(
    statements: Sequence[Statement],
    window: Window,
    *,
    min_wal_share: float = 0.3,
    min_wal_bytes: int = 256 * 1024 * 1024,
    min_wal_bytes_per_row: int = 1024,
) -> Iterator[Finding]:
    """One statement writes much of the write-ahead log, and much for each row.

    Why: WAL is written, flushed, archived and sent to every replica; it sets the pace of
    checkpoints, replication lag and backups.

    Mistaken when: It is a bulk load that has to be written anyway.

    Remedy: Write fewer indexes and rows (an UPDATE that sets the same value still writes; a
    fillfactor below 100 lets updates stay on the page), spread checkpoints (max_wal_size) so that
    fewer full pages are logged, and compress them (wal_compression).
    """
    total = sum(one.wal_bytes or 0 for one in statements if not one.nested)
    for one in statements:
        wal = one.wal_bytes or 0
        per_row = wal / max(one.rows or 0, 1)
        if wal < min_wal_bytes or wal < min_wal_share * total or per_row < min_wal_bytes_per_row:
            continue
        full = min(1.0, (one.wal_full_page_bytes or 0) / wal)
        rate = f", {bytes_text(wal / window.seconds)} a second" if window.seconds else ""
        if full > 0.5:
            advice = (
                "More than half are full-page images, written on the first change of a page after "
                "each checkpoint: fewer checkpoints write fewer of them."
            )
            sql = (
                "ALTER SYSTEM SET max_wal_size = '8GB';  -- as the disk of pg_wal allows\n"
                "ALTER SYSTEM SET checkpoint_timeout = '15min';\n"
                "ALTER SYSTEM SET wal_compression = on;\nSELECT pg_reload_conf();"
            )
        else:
            advice = "See which indexes of its table are really used, and whether all rows change."
            sql = ""
        yield Finding(
            subject=subject(one),
            message=(
                f"wrote {bytes_text(wal)} of WAL, {ratio_text(wal / total)} of all{rate}: "
                f"{bytes_text(per_row)} for each of {count_text(one.rows or 0)} rows, "
                f"{ratio_text(full)} of it full-page images (before compression)"
            ),
            evidence={
                "wal_bytes": wal,
                "wal_share_ratio": wal / total,
                "wal_bytes_per_row": round(per_row),
                "full_page_ratio": full,
                "calls": round(one.calls),
                "rows": one.rows,
            },
            remedy=Remedy(advice, sql=sql, effect="reload; recovery after a crash takes longer"),
        )
