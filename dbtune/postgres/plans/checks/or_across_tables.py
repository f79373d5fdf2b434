"""plan.or-across-tables"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import JOINS, matters
from dbtune.text import count_text, shorten


@check("plan.or-across-tables")
def or_across_tables(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An OR of conditions on different tables is decided only after they are joined.

    Why: No index can be searched by it; both tables are read and joined as a whole first.

    Mistaken when: Most joined rows pass, or the tables are small.

    Remedy: One SELECT for each side of the OR, joined by UNION.

    Verify: Run the UNION: each part uses its own index, and both return the same rows as before.
    """
    for node in plan.nodes:
        if node.type not in JOINS or not node.executed:
            continue
        removed = (node.removed.join_filter or 0) + (node.removed.filter or 0) - node.removed.error
        kept = node.total_rows or 0
        found = _disjunction(node)
        if found is None or removed < min_removed_rows or removed < kept:
            continue
        saving = node.inclusive_ms
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=removed):
            continue
        yield node_finding(
            plan,
            node,
            f"{count_text(round(removed + kept))} rows were joined before an OR across "
            f"{' and '.join(sorted(_tables(found)))} kept {count_text(round(kept))} of them",
            Remedy(
                "Write one SELECT for each side of the OR and join them with UNION, so that each "
                "can use an index. UNION also drops equal rows: select a key of each table, or "
                "use UNION ALL with the other side excluded (IS NOT TRUE)."
            ),
            saving_ms=saving,
            evidence={
                "rows_removed": round(removed),
                "rows_kept": round(kept),
                "condition": shorten(found.text, 200),
            },
        )


def _disjunction(node: Node) -> Term | None:
    """An OR whose branches are about different tables; one of join conditions is something else."""
    for key in ("Join Filter", "Filter"):
        for term in terms(node.conditions.get(key, "")):
            branches = [{c.table for t in branch for c in t.columns} for branch in term.branches]
            if None not in _tables(term) and any(
                len(one) == 1 and len(other) == 1 and one != other
                for one in branches
                for other in branches
            ):
                return term
    return None


def _tables(term: Term) -> set[str]:
    return {column.table for column in term.columns if column.table is not None}
