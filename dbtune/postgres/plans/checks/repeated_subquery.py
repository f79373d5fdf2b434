"""plan.repeated-subquery"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import cautious_level, node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.order import is_cte
from dbtune.text import count_text

_QUALIFIER = re.compile(r"(?<![\w$])[^\W\d][\w$]*\.")
Signature = tuple[tuple[int, str, str, str], ...]


@check("plan.repeated-subquery", confidence=Confidence.rule_of_thumb)
def repeated_subquery(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Several sub-queries read the same rows in the same way.

    Why: Each is computed on its own, though one pass could compute all their results.

    Mistaken when: They compute things that cannot come from one pass.

    Remedy: One sub-query (or CTE) that returns all the values, in FROM: SELECT ... FROM t,
    (SELECT min(a), max(a), count(*) FROM s) AS x.

    Verify: Run it again: the table is scanned once, and the values are the same.
    """
    groups: dict[Signature, list[Node]] = {}
    for node in plan.nodes:
        is_subquery = node.relationship in ("InitPlan", "SubPlan") and not is_cte(node)
        if is_subquery and node.executed:
            groups.setdefault(_signature(plan, node), []).append(node)
    for signature, alike in groups.items():
        if len(alike) < 2 or not any(relation for _, _, relation, _ in signature):
            continue
        times = [node.inclusive_ms for node in alike if node.inclusive_ms is not None]
        saving = sum(times) - max(times) if times else None
        if not worth(plan, saving, min_ms, min_share):
            continue
        names = [node.subplan or "" for node in alike]
        yield node_finding(
            plan,
            alike[0],
            f"{count_text(len(alike))} sub-queries read the same rows: {', '.join(names)}"
            + of_time(plan, saving),
            Remedy(
                "Compute their values in one sub-query in FROM (or a CTE) and use its columns; for "
                "one that depends on the outer row, in one LEFT JOIN LATERAL."
            ),
            saving_ms=saving,
            level_=cautious_level(plan, saving),
            evidence={"subqueries": len(alike)},
        )


def _signature(plan: Plan, node: Node) -> Signature:
    """Types, relations and conditions of a subtree; aliases of the same table count as equal."""
    parts = (node, *plan.descendants(node))
    aliases = {one.alias for one in parts if one.alias}
    found = []
    for one in parts:
        conditions = "; ".join(f"{key}: {text}" for key, text in sorted(one.conditions.items()))
        conditions = _QUALIFIER.sub(
            lambda match: "" if match[0].removesuffix(".") in aliases else match[0], conditions
        )
        found.append((one.depth - node.depth, one.label, one.relation or "", conditions))
    return tuple(found)
