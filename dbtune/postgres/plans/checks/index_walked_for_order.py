"""plan.index-walked-for-order"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, ancestors
from dbtune.postgres.plans.conditions import Column, Term
from dbtune.postgres.plans.ddl import create_index, index_keys, index_remedy, partial_predicate
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import discards

_ORDER = re.compile(
    r"(?is).*\border\s+by\s+(?P<keys>[^()]+?)\s*(?:\blimit\b|\boffset\b|\bfetch\b|\bfor\b|;|$)"
)
_MAX_QUERY = 5000
_KEY = re.compile(r"(?i)(?:\w+\.)?(\w+)(?:\s+(asc|desc))?")


@check("plan.index-walked-for-order")
def index_walked_for_order(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An index is read from its end only for its order, until enough rows pass a filter.

    Why: The planner hopes that the rows wanted by LIMIT come soon. Where the filter and the order
    are related, for example a customer who ordered long ago, it reads most of the table.

    Mistaken when: With other constants the rows come soon, and those are what counts.

    Remedy: One index on the filter's columns followed by those of the order. Until then ORDER BY
    an expression such as id + 0 keeps the planner from this index.

    Verify: Run it again: an Index Cond at the scan, and Rows Removed by Filter is small or gone.
    """
    found = discards(
        plan,
        ("Index Scan", "Index Only Scan"),
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        limited = any(node.type == "Limit" for node in ancestors(plan, one.node))
        if one.node.conditions.get("Index Cond") or not limited:
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}: {one.node.index} was walked for its order",
            _remedy(plan, one.node, one.terms),
            saving_ms=one.saving_ms,
            evidence={"index": one.node.index, **one.evidence},
        )


def _remedy(plan: Plan, node: Node, filters: tuple[Term, ...]) -> Remedy:
    keys = index_keys([term for term in filters if term.kind in ("equality", "boolean")])
    # In a join the order's columns may be another table's.
    alone = sum(one.relation is not None for one in plan.nodes) == 1
    order = _order((plan.query or "")[-_MAX_QUERY:]) if alone else []
    if keys and order:
        sql = create_index(node, [*keys, *order], where=partial_predicate(filters))
        return index_remedy("Make an index that has the filter's columns before the order's.", sql)
    first = ", ".join(key.name if isinstance(key, Column) else key for key in keys)
    return Remedy(
        f"Make an index on the filter's columns{f' ({first})' if first else ''} followed by those "
        f"of {node.index}. Until then, ORDER BY an expression of the column (for a number, + 0) "
        "keeps the planner from this index; compare both. If filter and order are related, "
        "extended statistics do not help: the planner assumes that matching rows lie evenly."
    )


def _order(query: str) -> list[str | Column]:
    """The columns of the statement's last ORDER BY, if they are columns and all run one way."""
    found = _ORDER.match(query)
    keys = [_KEY.fullmatch(key.strip()) for key in found["keys"].split(",")] if found else []
    matches = [key for key in keys if key]
    ways = {(key[2] or "asc").lower() for key in matches}
    # An index is read backwards for an order that is descending throughout.
    if not matches or len(matches) < len(keys) or len(ways) > 1:
        return []
    names = [key[1].lower() for key in matches]
    # A number or a name given with AS stands for an expression.
    if any(name.isdecimal() or re.search(rf"(?i)\bas\s+{name}\b", query) for name in names):
        return []
    return [Column(name) for name in names]
