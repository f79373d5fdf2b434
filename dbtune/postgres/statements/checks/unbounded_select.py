"""pg.unbounded-select"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.sqltext import shape
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import count_text, ratio_text


@check("pg.unbounded-select")
def unbounded_select(
    statements: Sequence[Statement],
    *,
    min_rows_per_call: float = 5000,
    min_calls: int = 5,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """A SELECT without LIMIT returns very many rows on each call.

    Why: Time, memory in the application and network grow with the table: what is fast today fails
    when the data has grown.

    Mistaken when: It is an export, a backup or a report that needs every row, read through a
    cursor.

    Remedy: Page by key (WHERE id > $last ORDER BY id LIMIT $n), aggregate in the database, or read
    with a server-side cursor if every row is really needed.
    """
    for one in statements:
        per_call = (one.rows or 0) / one.calls if one.calls else 0
        share = time_share(one, statements)
        if one.calls < min_calls or per_call < min_rows_per_call or share < min_time_share:
            continue
        form = shape(one.text)
        if form is None or form.kind != "select" or form.has_limit:
            continue
        what = "has neither WHERE nor LIMIT" if not form.has_where else "has no LIMIT"
        yield Finding(
            subject=subject(one),
            message=(
                f"returns {count_text(round(per_call))} rows per call over "
                f"{count_text(one.calls)} calls and {what}; "
                f"{ratio_text(share)} of the server's time"
            ),
            evidence={
                "rows_per_call": per_call,
                "calls": round(one.calls),
                "mean_ms": one.mean_ms,
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "Page by key, or aggregate in the database.",
                sql="-- ... WHERE id > $1 ORDER BY id LIMIT 500",
                effect="a change in the application",
            ),
        )
