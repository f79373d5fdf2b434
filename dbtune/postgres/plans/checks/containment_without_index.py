"""plan.containment-without-index"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term
from dbtune.postgres.plans.ddl import create_index, index_remedy, is_strong, quote
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, Discard, discards
from dbtune.text import shorten

_DOCUMENT = re.compile(r"to_tsvector\('[\w.]+'::regconfig, [\w.\"]+\)")
"""With the configuration given it is immutable."""


@check("plan.containment-without-index")
def containment_without_index(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """JSON, arrays, ranges or documents are searched for what they contain without an index.

    Why: Every value is read, and large ones first unpacked, to look for what an inverted index
    would have found.

    Mistaken when: The values change all the time: a GIN index is costly to keep up.

    Remedy: A GIN index for jsonb, arrays and text search, a GiST index for ranges and shapes.

    Verify: Plan it again: a Bitmap Index Scan by the new index in place of the Seq Scan.
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
        term = next((t for t in one.terms if t.kind == "contains"), None)
        if term is None or any(is_strong(t) for t in one.terms):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter looks into values: {shorten(term.text, 120)}",
            _remedy(one, term),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )


def _remedy(one: Discard, term: Term) -> Remedy:
    if _DOCUMENT.fullmatch(term.expression):
        return index_remedy(
            f"Make a GIN index on the document.{one.partition_hint}",
            create_index(one.node, [term.expression], method="gin"),
        )
    method, operator_class = _method(term)
    if not method or term.column is None:
        return Remedy(
            f"Make an index on {shorten(term.expression, 120)}: USING gin for jsonb, arrays and "
            "tsvector, USING gist for ranges and shapes. The plan does not tell which it is."
        )
    key = quote(term.column.name) + (f" {operator_class}" if operator_class else "")
    return index_remedy(
        f"Make a {method.upper().replace('GIST', 'GiST')} index.{one.partition_hint}",
        create_index(one.node, [key], method=method),
    )


def _method(term: Term) -> tuple[str, str]:
    """The kind of index and its operator class, going by the operator and the constant's type."""
    kind = term.value_type
    if term.operator in ("?", "?|", "?&"):
        return "gin", ""
    if kind == "jsonpath" or (kind == "jsonb" and term.operator == "@>"):
        return "gin", "jsonb_path_ops"
    if kind == "tsquery" or re.match(r"(?:plain|phrase|websearch_)?to_tsquery\(", term.value):
        return "gin", ""
    if kind.endswith("[]") and not kind.startswith("json"):
        return "gin", ""
    if kind.endswith("range") or kind in ("box", "polygon", "circle"):
        return "gist", ""
    return "", ""
