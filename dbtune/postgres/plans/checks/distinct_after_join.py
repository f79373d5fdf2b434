"""plan.distinct-after-join"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import cautious_level, node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.order import plain_children
from dbtune.text import count_text

_JOINS = ("Nested Loop", "Hash Join", "Merge Join")
_PASSING = ("Sort", "Incremental Sort", "Gather", "Gather Merge")


@check("plan.distinct-after-join", confidence=Confidence.rule_of_thumb)
def distinct_after_join(
    plan: Plan,
    *,
    min_rows: int = 10_000,
    min_factor: float = 10,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A join multiplies rows that DISTINCT throws away again.

    Why: The join makes, and the DISTINCT sorts or hashes, many times the rows that are wanted.

    Mistaken when: Columns of both sides are selected and the duplicates are in the data.

    Remedy: Where a joined table only decides which rows are wanted, ask with EXISTS (or IN)
    instead of joining; or make its side distinct before the join.

    Verify: Run it again: the rows below the DISTINCT are as few as those above, and the result has
    as many rows as before.
    """
    for node in plan.nodes:
        if not _is_distinct(node) or not node.executed:
            continue
        path = plain_children(plan, node)
        while len(path) == 1 and path[0].type in _PASSING:
            path = plain_children(plan, path[0])
        if len(path) != 1 or path[0].type not in _JOINS:
            continue
        join = path[0]
        into, out = join.total_rows or 0, max(1.0, node.total_rows or 0)
        if into < min_rows or into < min_factor * out:
            continue
        saving = None
        if node.inclusive_ms is not None:
            own = node.inclusive_ms - sum(child.inclusive_ms or 0 for child in plan.children(join))
            saving = max(0.0, own) * (1 - out / into)
        if not worth(plan, saving, min_ms, min_share):
            continue
        yield node_finding(
            plan,
            node,
            f"the join makes {count_text(round(into))} rows, of which {count_text(round(out))} "
            f"are distinct{of_time(plan, saving)}",
            Remedy(
                "Where a joined table only decides which rows are wanted, write "
                "WHERE EXISTS (SELECT ... ) instead of the join and drop the DISTINCT; or make "
                "that side distinct before it is joined."
            ),
            saving_ms=saving,
            level_=cautious_level(plan, saving),
            evidence={"rows_joined": round(into), "rows_distinct": round(out)},
        )


def _is_distinct(node: Node) -> bool:
    """Whether it only removes duplicates; an aggregate does if it computes nothing (Output)."""
    if node.type == "Unique":
        return True
    output = node.texts("Output")
    return node.type == "Aggregate" and bool(output) and set(output) <= set(node.texts("Group Key"))
