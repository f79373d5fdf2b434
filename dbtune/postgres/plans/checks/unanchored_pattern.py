"""plan.unanchored-pattern"""

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

_TRIGRAM = re.compile(r"[^\W_]{3}")


@check("plan.unanchored-pattern")
def unanchored_pattern(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A text is searched for something in its middle, which a b-tree can't do.

    Why: A pattern that begins with a wildcard, one that ignores case, and most regular expressions
    give a b-tree nothing to begin with: every text is read.

    Mistaken when: The pattern has fewer than three letters in a row: trigrams need that many.

    Remedy: A trigram index (extension pg_trgm); for words, full text search.

    Verify: Plan it again: a Bitmap Index Scan by the trigram index in place of the Seq Scan.
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
        term = next((t for t in one.terms if t.kind == "pattern"), None)
        if term is None or not term.columns or any(is_strong(t) for t in one.terms):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter searches inside of texts: {shorten(term.text, 120)}",
            _remedy(one, term),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )


def _remedy(one: Discard, term: Term) -> Remedy:
    # Without a constant (a parameter) nothing is known of the pattern.
    if term.literal and not _TRIGRAM.search(_letters(term)):
        return Remedy(
            "No index helps with a pattern that has less than three letters in a row: ask for at "
            "least three, or for the beginning of the text."
        )
    if term.column is None:
        return Remedy(
            "Make a trigram index (extension pg_trgm, USING gin, gin_trgm_ops) on the expression "
            f"{shorten(term.expression, 120)}, or on its column with ILIKE in place of lower() and "
            "upper()."
        )
    sql = create_index(one.node, [f"{quote(term.column.name)} gin_trgm_ops"], method="gin")
    return index_remedy(
        "Make a trigram index; a pattern that only pins the end of a text can also use a b-tree on "
        f"reverse({term.column.name}).{one.partition_hint}",
        f"CREATE EXTENSION IF NOT EXISTS pg_trgm;\n{sql}",
    )


def _letters(term: Term) -> str:
    """What of the pattern stands for itself."""
    if term.operator.startswith("~~"):
        return term.literal
    return re.sub(r"\\.|\[[^\]]*\]|.[*?]|\{[^}]*\}", " ", term.literal)
