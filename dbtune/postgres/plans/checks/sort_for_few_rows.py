"""plan.sort-for-few-rows"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Column, key_columns, terms
from dbtune.postgres.plans.ddl import (
    create_index,
    index_keys,
    index_remedy,
    partial_predicate,
    quote,
)
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import TABLE_SCANS, is_user_table, matters, without_hash
from dbtune.text import count_text

_PASSES_ON = ("Gather", "Gather Merge")
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")


@check("plan.sort-for-few-rows", confidence=Confidence.estimated)
def sort_for_few_rows(
    plan: Plan,
    *,
    min_rows: int = 10_000,
    min_rows_ratio: float = 100,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Very many rows are read and sorted for the first few of them.

    Why: LIMIT needs no more than the first rows; an index in that order has them at its end.

    Mistaken when: The condition keeps few rows and they lie far from the end where the order
    begins: then the index is walked for long. Or the statement runs seldom and the index would
    only slow down writes.

    Remedy: An index on the columns compared for equality, followed by those of ORDER BY.

    Verify: Plan it again: an index scan that delivers the order, and no Sort.
    """
    for limit in plan.nodes:
        if limit.type != "Limit" or not limit.executed or not limit.children:
            continue
        sort = without_hash(plan, plan.nodes[limit.children[0]], _PASSES_ON)
        if sort is None or sort.type != "Sort" or not sort.children:
            continue
        below = plan.nodes[sort.children[0]]
        # The sort hands on what OFFSET skips, too: that is plan.large-offset.
        taken, rows = max(1.0, sort.total_rows or 0), below.total_rows_min or 0
        scan = without_hash(plan, below, _PASSES_ON)
        if scan is None or scan.type not in TABLE_SCANS or not is_user_table(scan):
            continue
        saving = (
            None if sort.inclusive_ms is None else sort.inclusive_ms * (1 - taken / (rows or 1))
        )
        if rows < min_rows or rows < min_rows_ratio * taken:
            continue
        if not matters(plan, sort, saving, ms=min_ms, share=min_share, rows=rows):
            continue
        yield node_finding(
            plan,
            sort,
            f"{count_text(round(rows))} rows of {scan.relation} were sorted for the first "
            f"{count_text(round(limit.total_rows or 0))}{of_time(plan, saving)}",
            _remedy(scan, sort.texts("Sort Key")),
            saving_ms=saving,
            evidence={"rows_sorted": round(rows), "rows_returned": round(limit.total_rows or 0)},
        )


def _remedy(scan: Node, sort_key: Sequence[str]) -> Remedy:
    alias = scan.alias or scan.relation
    keys = key_columns(tuple(sort_key))
    found = [term for key in _CONDITIONS for term in terms(scan.conditions.get(key, ""), alias)]
    if not keys or any(term.kind == "or" for term in found):
        return Remedy(
            "Make an index on the columns that are compared for equality, followed by those of "
            "ORDER BY in its directions."
        )
    # Behind a list of values (= ANY) the index is no longer in the order of what follows.
    equal = index_keys([t for t in found if t.kind in ("equality", "boolean") and not t.many])
    order = [one for one in _order(keys) if one not in equal]
    sql = create_index(scan, [*equal, *order], where=partial_predicate(found))
    return index_remedy(
        "Make an index on what is compared for equality, followed by ORDER BY; it also serves "
        "where plan.seq-scan-discards-rows asks for one on the same table.",
        sql,
    )


def _order(keys: list[tuple[Column, str]]) -> list[str | Column]:
    """Columns without a direction where the index can be read backwards for it."""
    if len({way for _, way in keys}) == 1 and keys[0][1] in ("", "DESC"):
        return [Column(column.name) for column, _ in keys]
    return [f"{quote(c.name)} {way}" if way else Column(c.name) for c, way in keys]
