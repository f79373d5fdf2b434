"""pg.row-by-row-write"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.sqltext import Shape, shape
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement, Window
from dbtune.text import count_text, plain, ratio_text


@check("pg.row-by-row-write", level=Level.info, confidence=Confidence.rule_of_thumb)
def row_by_row_write(
    statements: Sequence[Statement],
    window: Window,
    *,
    min_calls: int = 1000,
    min_calls_per_second: float = 5,
    warning_time_share: float = 0.1,
) -> Iterator[Finding]:
    """Rows are written one statement each.

    Why: Each row pays for a round trip, parsing, planning and, unless many share a transaction, a
    flush of the write-ahead log. Batches of 100 to 1,000 rows are commonly 10 to 50 times faster.

    Mistaken when: Each row belongs to a request of its own that must be answered before the next
    (an order placed, a session touched): then there is nothing to batch.

    Remedy: INSERT with several VALUES rows, INSERT ... SELECT FROM unnest($1, $2), COPY, or the
    driver's pipeline or batch mode; for updates, UPDATE ... FROM (VALUES ...).
    """
    for one in statements:
        rate = one.calls / window.seconds if window.seconds else None
        if (
            one.calls < min_calls
            or one.nested
            or (rate or min_calls_per_second) < min_calls_per_second
        ):
            continue
        form = shape(one.text)
        if form is None or not _writes_one_row(form, one):
            continue
        share = time_share(one, statements)
        table = plain(form.tables[0]) if form.tables else "table"
        yield Finding(
            subject=subject(one),
            level=Level.warning if share >= warning_time_share else None,
            message=(
                f"{count_text(one.calls)} calls wrote {count_text(one.rows or 0)} rows, one each"
                + (f" ({count_text(rate)} a second)" if rate else "")
                + f"; {ratio_text(share)} of the server's time"
            ),
            evidence={
                "calls": round(one.calls),
                "rows": one.rows,
                "calls_per_second": rate,
                "mean_ms": one.mean_ms,
                "wal_bytes": one.wal_bytes,
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "If the rows come from one place (an import, an event stream, a loop), write them "
                "in batches of some hundred; measure the batch size.",
                sql=_batch(form, table),
                effect="a change in the application",
            ),
        )


def _writes_one_row(form: Shape, one: Statement) -> bool:
    per_call = (one.rows or 0) / one.calls
    if not 0.9 <= per_call <= 1.05:
        return False
    return form.single_row_values or (form.kind in ("update", "delete") and bool(form.key_columns))


def _batch(form: Shape, table: str) -> str:
    if form.kind == "insert":
        return f"-- INSERT INTO {table} (...) SELECT * FROM unnest($1::type[], $2::type[])"
    key = plain(form.key_columns[0])
    if form.kind == "delete":
        return f"-- DELETE FROM {table} WHERE {key} = ANY($1)"
    return (
        f"-- UPDATE {table} t SET ... FROM unnest($1::type[], $2::type[]) AS v({key}, x) "
        f"WHERE t.{key} = v.{key}"
    )
