"""pg.low-hit-ratio"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import bytes_text, count_text, ms_text, ratio_text


@check("pg.low-hit-ratio")
def low_hit_ratio(
    statements: Sequence[Statement],
    *,
    max_hit_ratio: float = 0.9,
    min_read_bytes_per_call: int = 1024 * 1024,
    min_blocks: int = 50_000,
    min_time_share: float = 0.05,
) -> Iterator[Finding]:
    """A costly statement reads much of its data from outside shared_buffers.

    Why: A block from the operating system's cache costs some microseconds, one from disk a hundred
    times more; it also pushes other blocks out of the cache.

    Mistaken when: The data was read for the first time after a restart, the table is larger than
    any memory could be, or large tables are scanned through the small ring buffer on purpose.

    Remedy: Make it read fewer blocks (an index, fewer columns, partition pruning); only then think
    of more shared_buffers.
    """
    for one in statements:
        share = time_share(one, statements)
        per_call = (one.read_bytes or 0) / one.calls if one.calls else 0
        if (
            one.hit_ratio is None
            or one.hit_ratio > max_hit_ratio
            or (one.blocks or 0) < min_blocks
            or per_call < min_read_bytes_per_call
            or share < min_time_share
        ):
            continue
        io_share = f", {ms_text(one.io_ms)} of it waiting for I/O" if one.io_ms else ""
        yield Finding(
            subject=subject(one),
            message=(
                f"found {ratio_text(one.hit_ratio)} of its blocks in shared_buffers and read "
                f"{bytes_text(per_call)} a call from outside ({count_text(one.calls)} calls, "
                f"{ms_text(one.total_ms)}{io_share}); {ratio_text(share)} of the server's time"
            ),
            evidence={
                "hit_ratio": one.hit_ratio,
                "read_bytes_per_call": round(per_call),
                "read_bytes": one.read_bytes,
                "io_ms": one.io_ms,
                "total_ms": one.total_ms,
                "calls": round(one.calls),
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "Look at its plan for a sequential scan or an index that reads far more rows than "
                "are returned, and index what its WHERE asks for.",
                sql="-- EXPLAIN (ANALYZE, BUFFERS) with real constants, on a copy if it writes",
            ),
        )
