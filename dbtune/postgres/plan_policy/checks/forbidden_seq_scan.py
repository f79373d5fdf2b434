"""plan.forbidden-seq-scan"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plan_diff.access import accesses
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.postgres.plan_policy.sizes import rows_read
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text


@check("plan.forbidden-seq-scan", level=Level.critical)
def forbidden_seq_scan(plan: Plan, policy: Policy) -> Iterator[Finding]:
    """The policy forbids reading this table as a whole.

    Why: The policy file says so: the table is large, or will be.

    Mistaken when: The plan was not executed: then the rows read are estimated from the cost.

    Remedy: Make the condition one that an index serves, or add an exception with a reason.
    """
    rule = policy.seq_scans
    if rule is None:
        return
    for access in accesses(plan).values():
        scans = [node for node in access.nodes if node.type == "Seq Scan"]
        names = {
            f"{node.schema}.{node.relation}" if node.schema else node.relation for node in scans
        }
        # Without an alias of its own, a partitioned table's alias is its name.
        names |= {access.alias} if access.is_family else set()
        if not scans or not any(rule.names(name or "") for name in names):
            continue
        if plan.analyzed and not any(node.executed for node in scans):
            continue
        counted = [rows_read(plan, node) for node in scans]
        rows = sum(count for count, _ in counted)
        if rows <= rule.above_rows:
            continue
        # Two digits of what is only an estimate.
        shown = count_text(round(rows)) if plan.analyzed else f"about {float(f'{rows:.1e}'):,.0f}"
        yield Finding(
            f"Seq Scan on {access.name}",
            f"{shown} rows of {access.table} are read one after the "
            f"other; the policy allows {count_text(rule.above_rows)}",
            Remedy(f"See dbtune explain for the index that {access.table} lacks."),
            evidence={
                "table": access.alias if access.is_family else access.table,
                "node": scans[0].id,
                "rows_read": round(rows),
                "limit_rows": rule.above_rows,
            },
            confidence=None if plan.analyzed else Confidence.estimated,
        )
