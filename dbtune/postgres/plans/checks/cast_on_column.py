"""plan.cast-on-column"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term
from dbtune.postgres.plans.ddl import is_strong
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, discards
from dbtune.text import shorten

_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")
_NUMBERS = ("numeric", "double precision", "real", "bigint", "integer", "smallint")


@check("plan.cast-on-column")
def cast_on_column(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A column is cast to another type before it is compared, which hides it from its index.

    Why: An index holds the column's values as they are; it can't be searched by what they become.
    Often nobody wrote the cast: a driver sent an integer as numeric, or a timestamp with time zone.

    Mistaken when: The column's type is a domain: its values are compared as those of the base type,
    which plans show as a cast although an index on the column serves.

    Remedy: Cast the value instead that the column is compared with, or send it in the column's
    type.

    Verify: Plan it again: the condition has become an Index Cond, and no cast stands around the
    column.
    """
    found = discards(
        plan,
        TABLE_SCANS,
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        term = next((t for t in one.terms if t.cast and t.kind in ("equality", "range")), None)
        if term is None or any(is_strong(t) for t in one.terms):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter casts the column: {shorten(term.text, 120)}",
            Remedy(_advice(term)),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), "cast": term.cast, **one.evidence},
        )


def _advice(term: Term) -> str:
    column = term.columns[0].name if term.columns else "the column"
    if term.cast == "date":
        return (
            f"Compare with a range: {column} >= DATE 'the day' AND {column} < DATE 'the day' + 1; "
            f"an index on {column} then serves. If it is a timestamp without time zone, an index "
            f"on ({column}::date) does, too."
        )
    if term.cast in _TIMES:
        return (
            f"Send the value in the type of {column} (timestamp or timestamptz), or cast the "
            f"value; an index on {column} then serves."
        )
    if term.cast in _NUMBERS:
        return (
            f"Have the driver send the value in the type of {column} (integers as bigint, not as "
            f"numeric), or cast the value and not the column; an index on {column} then serves."
        )
    return (
        f"Cast the value and not the column; an index on {column} then serves. If the column has "
        "the wrong type for what it holds, change that, or index the expression."
    )
