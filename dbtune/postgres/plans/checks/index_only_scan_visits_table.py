"""plan.index-only-scan-visits-table"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import is_user_table, matters, own_ms
from dbtune.text import count_text, ratio_text

_TABLE_PART = 0.5
"""At most so much of the time of an index-only scan goes to looking into the table."""


@check("plan.index-only-scan-visits-table")
def index_only_scan_visits_table(
    plan: Plan,
    *,
    min_fetches: int = 1000,
    min_fetches_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An index-only scan has to look into the table nonetheless.

    Why: Only VACUUM marks pages as visible to everybody; in others each row found by the index is
    looked up in the table to learn whether it is visible.

    Mistaken when: A transaction that has been open for long keeps VACUUM from marking pages; then
    that has to end first.

    Remedy: VACUUM the table, and have autovacuum come sooner.

    Verify: Run it again after the VACUUM: Heap Fetches is near 0.
    """
    for node in plan.nodes:
        fetches = node.number("Heap Fetches") or 0
        if node.type != "Index Only Scan" or not is_user_table(node) or fetches < min_fetches:
            continue
        # Fetches are those of all loops, as are these rows.
        rows = max(fetches, (node.total_rows or 0) + (node.removed.filter or 0))
        if fetches < min_fetches_ratio * rows:
            continue
        own = own_ms(node)
        saving = None if own is None else own * fetches / rows * _TABLE_PART
        if not matters(plan, node, saving, ms=min_ms, share=min_share, rows=fetches):
            continue
        table = table_of(node)
        yield node_finding(
            plan,
            node,
            f"looked into {node.relation} {count_text(fetches)} times for "
            f"{count_text(round(rows))} rows ({ratio_text(fetches / rows)})",
            Remedy(
                "VACUUM the table now; if it is mostly inserted into or updated in a few places, "
                "have autovacuum come sooner (from PostgreSQL 13 inserts count, too).",
                sql=f"VACUUM (ANALYZE) {table};\n"
                f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02, "
                "autovacuum_vacuum_insert_scale_factor = 0.02);",
                effect="VACUUM reads the table and blocks neither reads nor writes",
            ),
            saving_ms=saving,
            evidence={"heap_fetches": fetches, "rows": round(rows)},
        )
