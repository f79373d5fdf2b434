"""plan.seq-scan-in-loop"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Term, terms
from dbtune.postgres.plans.ddl import (
    ambiguous_text,
    create_index,
    index_keys,
    index_remedy,
    is_strong,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import executions, is_user_table, matters, own_ms
from dbtune.text import count_text


@check("plan.seq-scan-in-loop")
def seq_scan_in_loop(
    plan: Plan,
    *,
    min_executions: float = 2,
    min_rows: int = 10_000,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A whole table is read again for each row of another.

    Why: The work is the product of both tables' sizes; it is what a missing index on a foreign key
    looks like.

    Mistaken when: The table has a page or two and will not grow.

    Remedy: An index on the columns by which the rows are looked up.

    Verify: Plan it again: an index scan at the inner side of the loop, or a hash join.
    """
    for node in plan.nodes:
        if node.type != "Seq Scan" or not is_user_table(node):
            continue
        times = executions(node)
        rows = (node.total_rows or 0) + (node.removed.filter or 0) - node.removed.error
        own = own_ms(node)
        if times < min_executions or rows < min_rows:
            continue
        saving = None if own is None else own * (1 - 1 / times)
        found = _conditions(plan, node)
        if not found or not matters(plan, node, saving, ms=min_ms, share=min_share, rows=rows):
            continue
        yield node_finding(
            plan,
            node,
            f"{node.relation} was read as a whole {count_text(round(times))} times, "
            f"{count_text(round(rows))} rows in all",
            _remedy(node, found),
            saving_ms=saving,
            evidence={
                "executions": round(times),
                "rows_read": round(rows),
                "rows_kept": round(node.total_rows or 0),
                "self_ms": node.self_ms,
            },
        )


def _conditions(plan: Plan, node: Node) -> tuple[Term, ...]:
    """What the rows are looked up by: the scan's own filter and that of the join right above."""
    alias = node.alias or node.relation
    own = terms(node.conditions.get("Filter", ""), alias)
    above = plan.nodes[node.parent] if node.parent is not None else None
    joined = (
        above.conditions.get("Join Filter", "") if above and above.type == "Nested Loop" else ""
    )
    return (*terms(joined, alias), *own)


def _remedy(node: Node, found: tuple[Term, ...]) -> Remedy:
    if not any(is_strong(term) for term in found):
        return Remedy(
            "No column is compared such that an index could be searched by it: make the condition "
            "compare the bare column with =, or read the other table first."
        )
    return index_remedy(
        f"Make an index on the columns by which the rows are looked up.{ambiguous_text(found)}",
        create_index(node, index_keys(found)),
    )
