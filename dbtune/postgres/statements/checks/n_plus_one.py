"""pg.n-plus-one"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.sqltext import shape
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import count_text, plain, ratio_text, shorten


@check("pg.n-plus-one", confidence=Confidence.estimated)
def n_plus_one(
    statements: Sequence[Statement],
    *,
    min_calls: int = 1000,
    min_calls_per_parent: float = 4,
    max_rows_per_call: float = 50,
    match_tolerance: float = 0.05,
) -> Iterator[Finding]:
    """A statement runs once for each row that another statement returned.

    Why: Each call costs a network round trip and the work around a statement, which for a lookup
    by key is far more than the lookup. One statement for all rows takes one round trip.

    Mistaken when: The two counts agree by chance, or the calls come from different requests, such
    as a cache being filled.

    Remedy: Fetch the rows of all keys at once: a join, or WHERE key = ANY($1); in an ORM, eager
    loading (select_related/prefetch_related, joinedload/selectinload, includes, JOIN FETCH).
    """
    for child in statements:
        form = shape(child.text) if child.calls >= min_calls and not child.nested else None
        if form is None or form.kind != "select" or len(form.key_columns) != 1:
            continue
        if form.aggregates is False and (child.rows or 0) > max_rows_per_call * child.calls:
            continue
        parent = _parent(child, statements, min_calls_per_parent, match_tolerance)
        if parent is None:
            continue
        per_parent = child.calls / parent.calls
        key = form.key_columns[0]
        table = form.tables[0] if form.tables else "its table"
        yield Finding(
            subject=subject(child),
            message=(
                f"called {count_text(child.calls)} times by the single key {plain(key)}, as often "
                f"as another statement returned rows ({count_text(parent.rows or 0)} in "
                f"{count_text(parent.calls)} calls): about {count_text(round(per_parent, 1))} "
                "calls for each call of that one"
            ),
            evidence={
                "calls": round(child.calls),
                "mean_ms": child.mean_ms,
                "rows_per_call": (child.rows or 0) / child.calls,
                "calls_per_parent_call": per_parent,
                "parent_calls": round(parent.calls),
                "parent_rows": parent.rows,
                "parent_statement": shorten(plain(parent.text), 300),
                "time_share_ratio": time_share(child, statements),
            },
            remedy=Remedy(
                f"Fetch the rows for all keys in one statement, where "
                f"{shorten(plain(parent.text), 80)} is run; that takes "
                f"{count_text(round(parent.calls))} calls in place of {count_text(child.calls)} "
                f"(the statement's own time is {ratio_text(time_share(child, statements))} of "
                "the server's; what is saved beyond are the round trips).",
                sql=f"-- SELECT ... FROM {plain(table)} WHERE {plain(key)} = ANY($1)",
                effect="a change in the application",
            ),
        )


def _parent(
    child: Statement, statements: Sequence[Statement], min_ratio: float, tolerance: float
) -> Statement | None:
    """The statement whose returned rows are as many as the child's calls; the closest one."""
    best: tuple[float, Statement] | None = None
    for one in statements:
        if one is child or one.nested or not one.rows or one.calls * min_ratio > child.calls:
            continue
        form = shape(one.text)
        if form is None or form.kind != "select":
            continue
        difference = abs(one.rows - child.calls) / child.calls
        if difference <= tolerance and (best is None or difference < best[0]):
            best = (difference, one)
    return best[1] if best else None
