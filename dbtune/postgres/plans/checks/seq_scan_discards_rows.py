"""plan.seq-scan-discards-rows"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Column, Term, terms
from dbtune.postgres.plans.ddl import (
    ambiguous_text,
    create_index,
    index_keys,
    index_remedy,
    is_strong,
    partial_predicate,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import discards, executions, is_user_table
from dbtune.text import count_text


@check("plan.seq-scan-discards-rows")
def seq_scan_discards_rows(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
    min_cost: float = 5000,
    max_rows_per_cost: float = 0.02,
) -> Iterator[Finding]:
    """A whole table is read to find a few of its rows.

    Why: Every row is fetched and compared; an index would lead to the rows that are wanted.

    Mistaken when: The statement runs once a night, the table is about to be emptied, or the filter
    keeps few rows with these constants only and most rows with others.

    Remedy: An index on the columns of the filter: those compared for equality first, then one that
    is compared with a range.

    Verify: Plan it again: an index scan in place of the Seq Scan, and fewer blocks read.
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
        # One that runs once per row of another table is plan.seq-scan-in-loop.
        if executions(one.node) > 1.5 or (sql := _index(one.node, one.terms)) is None:
            continue
        yield node_finding(
            plan,
            one.node,
            one.message,
            index_remedy(_advice(one.terms) + one.partition_hint, sql),
            saving_ms=one.saving_ms,
            evidence=one.evidence,
        )
    if not plan.analyzed:
        yield from _planned(plan, min_cost, max_rows_per_cost)


def _planned(plan: Plan, min_cost: float, max_rows_per_cost: float) -> Iterator[Finding]:
    """From costs alone: reading a row costs about 1 at most, where each has a page of its own."""
    for node in plan.nodes:
        if node.type != "Seq Scan" or not is_user_table(node) or node.plan_rows is None:
            continue
        cost = node.self_cost or 0
        if cost < max(min_cost, 0.1 * (plan.root.total_cost or 0)):
            continue
        found = terms(node.conditions.get("Filter", ""), node.alias or node.relation)
        sql = _index(node, found)
        if node.plan_rows > max_rows_per_cost * cost or sql is None:
            continue
        yield node_finding(
            plan,
            node,
            f"the planner expects {count_text(round(node.plan_rows))} rows of {node.relation} from "
            f"reading all of it, at a cost of {count_text(round(cost))}; how long that takes and "
            "how many rows it reads, EXPLAIN (ANALYZE, BUFFERS) tells",
            index_remedy(_advice(found), sql),
            evidence={"planned_rows": node.plan_rows, "cost": cost},
            confidence=Confidence.estimated,
        )


def _index(node: Node, found: tuple[Term, ...]) -> str | None:
    """The index that the filter calls for, or ``None`` if another check has better advice."""
    if any(is_strong(term) for term in found):
        return create_index(node, index_keys(found), where=partial_predicate(found))
    weak = [term for term in found if term.column and term.kind in ("null", "boolean")]
    if not weak or len(weak) < len(found):
        return None
    columns = [Column(term.column.name) for term in weak[:1] if term.column]
    predicate = partial_predicate(weak)
    flags = index_keys(weak)
    return create_index(node, flags or columns, where=predicate)


def _advice(found: tuple[Term, ...]) -> str:
    ranges = {t.column.name for t in found if t.column and t.kind == "range"}
    if len(ranges) > 1:
        choice = " or ".join(sorted(ranges))
        several = (
            f" Only one of its ranges can be searched: take that which keeps least ({choice})."
        )
    else:
        several = ""
    return f"Make an index on what the filter compares.{several}{ambiguous_text(found)}"
