"""plan.prefix-without-pattern-index"""

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
    quote,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, Discard, discards
from dbtune.text import shorten


@check("plan.prefix-without-pattern-index")
def prefix_without_pattern_index(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Texts are searched by how they begin, and no index serves that.

    Why: An ordinary index on text sorts by the rules of a language, in which the texts that begin
    alike need not stand together; LIKE can't use it unless the collation is C.

    Mistaken when: Most texts begin that way.

    Remedy: An index with text_pattern_ops (or one with COLLATE "C").

    Verify: Plan it again: an Index Cond with ~>=~ and ~<~ on the new index.
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
        term = next((t for t in one.terms if t.kind == "prefix"), None)
        if term is None or any(is_strong(t) for t in one.terms):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter pins how a text begins: {shorten(term.text, 120)}",
            _remedy(one, term),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )


def _remedy(one: Discard, term: Term) -> Remedy:
    key = quote(term.column.name) if term.column else f"({term.expression})"
    if term.column is None and not is_indexable_expression(term):
        return Remedy(
            f"Make an index with text_pattern_ops on {shorten(term.expression, 120)}, provided "
            "that all in it is IMMUTABLE."
        )
    flags = index_keys([t for t in one.terms if t.kind == "boolean"])
    return index_remedy(
        "Make an index that sorts by characters. LIKE with a parameter uses it in a custom plan "
        "only. For a char(n) column the class is bpchar_pattern_ops."
        f"{one.partition_hint}",
        create_index(
            one.node, [*flags, f"{key} text_pattern_ops"], where=partial_predicate(one.terms)
        ),
    )
