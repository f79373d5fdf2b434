"""plan.join-reads-whole-table"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans.checks import MIN_MS
from dbtune.postgres.plans.conditions import Column, terms
from dbtune.postgres.plans.ddl import create_index, index_remedy
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import (
    child,
    executions,
    is_user_table,
    matters,
    own_ms,
    without_hash,
)
from dbtune.text import count_text

_KEEPS_OUTER = ("Left", "Full", "Anti")
_KEEPS_INNER = ("Right", "Full", "Right Anti")


@check("plan.join-reads-whole-table", confidence=Confidence.estimated)
def join_reads_whole_table(
    plan: Plan,
    *,
    min_rows: int = 20_000,
    max_other_ratio: float = 0.01,
    max_joined_ratio: float = 0.05,
    min_ms: float = MIN_MS,
    min_share: float = 0.2,
) -> Iterator[Finding]:
    """A whole table is read to join it with a few rows.

    Why: Those few rows could be looked up one by one, if there was an index on what they are
    joined by; foreign keys do not bring one along.

    Mistaken when: There is such an index and the planner preferred to read the table, as it may
    for small tables and for rows that lie scattered.

    Remedy: An index on the table's columns of the join condition.

    Verify: Plan it again: an index scan on the table, looped once for each row of the other side.
    """
    for node in plan.nodes:
        if node.type != "Hash Join" or not node.executed:
            continue
        outer = child(plan, node, "Outer")
        inner = without_hash(plan, child(plan, node, "Inner"))
        for scan, other, keeping in ((outer, inner, _KEEPS_OUTER), (inner, outer, _KEEPS_INNER)):
            if scan is None or other is None or node.join_type in keeping:
                continue  # of a table whose rows are all kept, all have to be read
            keys = _keys(node, scan)
            rows = (scan.total_rows or 0) + (scan.removed.filter or 0)
            joined = node.total_rows_max or 0
            if scan.type != "Seq Scan" or not keys or executions(scan) > 1.5 or rows < min_rows:
                continue
            # A filter that drops most is plan.seq-scan-discards-rows; nothing found is too little.
            if (scan.total_rows or 0) < 0.1 * rows or other.total_rows_min is None:
                continue
            few = other.total_rows_max or 0
            if not 0 < few <= max_other_ratio * rows or joined > max_joined_ratio * rows:
                continue
            saving = None if (own := own_ms(scan)) is None else own * (1 - joined / rows)
            if not matters(plan, scan, saving, ms=min_ms, share=min_share, rows=rows):
                continue
            yield node_finding(
                plan,
                scan,
                f"all {count_text(round(rows))} rows of {scan.relation} were read to join "
                f"them with {count_text(round(few))}, which gave {count_text(round(joined))}",
                index_remedy(
                    "Make an index on the columns of the join condition, if there is none.",
                    create_index(scan, keys),
                ),
                saving_ms=saving,
                evidence={
                    "rows_read": round(rows),
                    "rows_of_other_side": round(few),
                    "rows_joined": round(joined),
                },
            )


def _keys(node: Node, scan: Node) -> list[str | Column]:
    """The scan's columns in the join condition; none if one of them is no bare column."""
    if not is_user_table(scan):
        return []
    alias = scan.alias or scan.relation
    found = [t for t in terms(node.conditions.get("Hash Cond", ""), alias) if t.columns]
    columns = [t.column for t in found if t.column is not None and t.kind == "equality"]
    if len(columns) < len(found):
        return []
    return list(dict.fromkeys(Column(column.name) for column in columns))
