"""plan.or-on-columns"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term
from dbtune.postgres.plans.ddl import INDEX_EFFECT, UNVERIFIED, create_index, index_keys, is_strong
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import discards, executions
from dbtune.text import shorten


@check("plan.or-on-columns")
def or_on_columns(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A whole table is read because of an OR on different columns.

    Why: One index serves one side only. With an index for each side the planner can combine them.

    Mistaken when: One side keeps most rows with other constants.

    Remedy: One index for each side of the OR; where one side can have none, a UNION of two SELECTs.

    Verify: Plan it again: a BitmapOr of two index scans in place of the Seq Scan.
    """
    found = discards(
        plan,
        ("Seq Scan",),
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        term = next((term for term in one.terms if term.kind == "or"), None)
        if term is None or any(is_strong(t) for t in one.terms) or executions(one.node) > 1.5:
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; its filter is an OR of {len(term.branches)} conditions",
            _remedy(one.node, term, one.partition_hint),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(term.text, 200), **one.evidence},
        )


def _remedy(node: Node, term: Term, hint: str) -> Remedy:
    blocked = [branch for branch in term.branches if not any(is_strong(inner) for inner in branch)]
    if blocked:
        condition = shorten(" AND ".join(inner.text for inner in blocked[0]), 120)
        return Remedy(
            f"As long as no index can be searched by {condition}, none helps with the OR: mend "
            "that side first, or make it a SELECT of its own, joined with UNION."
        )
    statements = dict.fromkeys(create_index(node, index_keys(branch)) for branch in term.branches)
    return Remedy(
        f"Make an index for each side of the OR; the planner combines them.{hint} {UNVERIFIED}",
        sql="\n".join(statements),
        effect=INDEX_EFFECT,
    )
