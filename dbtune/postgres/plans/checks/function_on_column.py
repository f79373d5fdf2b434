"""plan.function-on-column"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term
from dbtune.postgres.plans.ddl import (
    create_index,
    index_keys,
    index_remedy,
    is_indexable_expression,
    is_strong,
    partial_predicate,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, Discard, discards, executions
from dbtune.text import shorten

_OF_TIME = ("date_trunc", "extract", "date_part", "date", "to_char", "timezone", "age")


@check("plan.function-on-column")
def function_on_column(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A function or an operator is applied to a column before it is compared.

    Why: An index on the column can't be searched by what is made of it, and the planner has no
    statistics on that either.

    Mistaken when: The result is the same for most rows, so that an index on it would find them all.

    Remedy: Compare the bare column with a range, or make an index on the expression.

    Verify: Plan it again: the expression stands in an Index Cond.
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
        term = next((t for t in one.terms if _is_computed(t)), None)
        strong = any(is_strong(t) for t in one.terms)
        if term is None or strong or executions(one.node) > 1.5:
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter computes {shorten(term.expression, 120)} for each row",
            _remedy(one, term),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )


def _is_computed(term: Term) -> bool:
    """Whether an expression made of the table's columns is compared with something else."""
    compared = term.kind in ("equality", "range") and term.column is None
    return compared and bool(term.columns) and not term.cast and bool(term.expression)


def _remedy(one: Discard, term: Term) -> Remedy:
    column = term.columns[0].name
    if term.function in _OF_TIME:
        return Remedy(
            f"Compare the bare column with a range ({column} >= start AND {column} < end); an "
            f"index on {column} then serves. An index on the expression needs an "
            "immutable one: of a timestamptz that is only what names its time zone."
        )
    if is_indexable_expression(term):
        wanted = (*(t for t in one.terms if t.kind == "boolean"), term)
        keys = index_keys([t for t in wanted if t.kind != "range"]) or [f"({term.expression})"]
        return index_remedy(
            "Make an index on the expression, written exactly as in the statement, and ANALYZE: it "
            f"also gives the planner statistics on it.{one.partition_hint}",
            create_index(one.node, keys, where=partial_predicate(one.terms)),
        )
    return Remedy(
        "Move what is computed to the other side, so that the bare column is compared; or, if all "
        f"in it is IMMUTABLE, make an index on the expression {shorten(term.expression, 120)}; or "
        "store the result in a generated column."
    )
