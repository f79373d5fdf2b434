"""pg.large-offset"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.sqltext import shape
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import count_text, ms_text, ratio_text


@check("pg.large-offset", confidence=Confidence.estimated)
def large_offset(
    statements: Sequence[Statement],
    *,
    min_mean_ms: float = 5,
    min_blocks_per_row: float = 5,
    min_calls: int = 10,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """Pages are skipped with OFFSET, at a cost that grows with the page number.

    Why: The server reads and throws away every skipped row: page 1,000 costs a thousand times as
    much as page 1. Rows inserted meanwhile shift pages, so that rows are seen twice or never.

    Mistaken when: The blocks are read for another reason (a missing index, a wide join) and the
    offset is small; the value of OFFSET is not in pg_stat_statements.

    Remedy: Continue after the last row seen (keyset pagination) with an index on the sort columns.
    """
    for one in statements:
        share = time_share(one, statements)
        if one.calls < min_calls or one.mean_ms < min_mean_ms or share < min_time_share:
            continue
        form = shape(one.text)
        if form is None or not form.has_offset or not form.has_limit:
            continue
        per_row = (one.blocks or 0) / max(one.rows or 0, one.calls)
        if per_row < min_blocks_per_row:
            continue
        yield Finding(
            subject=subject(one),
            message=(
                f"uses OFFSET and reads {count_text(per_row)} blocks for each row returned, "
                f"{ms_text(one.mean_ms)} a call; {ratio_text(share)} of the server's time"
            ),
            evidence={
                "mean_ms": one.mean_ms,
                "max_ms": one.max_ms,
                "blocks_per_row": per_row,
                "rows_per_call": (one.rows or 0) / one.calls,
                "calls": round(one.calls),
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "Pass the sort key of the last row of the page before, and start behind it.",
                sql="-- ... WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC "
                "LIMIT 50\n-- with an index on (created_at, id)",
                effect="a change in the application; CREATE INDEX CONCURRENTLY writes the index",
            ),
        )
