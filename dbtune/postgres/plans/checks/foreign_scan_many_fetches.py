"""plan.foreign-scan-many-fetches"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import MIN_SHARE
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.scans import matters
from dbtune.text import count_text, plain

_FETCH_SIZE = 100
"""Rows that postgres_fdw asks for at a time, unless it is told otherwise."""
_BATCH_BYTES = 8 * 1024 * 1024


@check("plan.foreign-scan-many-fetches", level=Level.info, confidence=Confidence.rule_of_thumb)
def foreign_scan_many_fetches(
    plan: Plan,
    *,
    min_rows: int = 20_000,
    min_ms: float = 50.0,
    min_share: float = 4 * MIN_SHARE,
) -> Iterator[Finding]:
    """Very many rows come from another server a hundred at a time.

    Why: postgres_fdw fetches 100 rows and asks again: each time both servers wait for the network.

    Mistaken when: fetch_size has been raised already, which the plan does not tell; or the rows
    take longer to be found than to be sent.

    Remedy: The option fetch_size of the server or the foreign table; or have less sent: aggregate
    and join there.

    Verify: Run it again with the option and compare the scan's time.
    """
    for node in plan.nodes:
        rows = node.total_rows or 0
        if node.type != "Foreign Scan" or rows < min_rows or node.operation not in (None, "Select"):
            continue
        if not matters(plan, node, node.self_ms, ms=min_ms, share=min_share, rows=rows):
            continue
        size = _fetch_size(node.plan_width)
        sql = ""
        if node.relation:
            sql = (
                f"ALTER FOREIGN TABLE {plain(table_of(node))} "
                f"OPTIONS (ADD fetch_size '{size}');  -- SET in place of ADD where it is set"
            )
        yield node_finding(
            plan,
            node,
            f"fetched {count_text(round(rows))} rows, {_FETCH_SIZE} at a time "
            f"({count_text(round(rows / _FETCH_SIZE))} times) unless fetch_size was raised"
            f"{of_time(plan, node.self_ms)}",
            Remedy(f"Fetch {count_text(size)} rows at a time.", sql=sql, effect="at once"),
            saving_ms=node.self_ms,
            evidence={"rows": round(rows), "fetches": round(rows / _FETCH_SIZE)},
            level_=Level.info,
        )


def _fetch_size(width: float | None) -> int:
    """As many rows as take some megabytes, which both servers keep in memory."""
    return next((n for n in (10_000, 5000, 2000) if n * max(1.0, width or 0) <= _BATCH_BYTES), 1000)
