"""plan.wal-amplified"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.order import plain_children
from dbtune.text import bytes_text, count_text, plain

_BLOCK = 8192
_MIB = 1024 * 1024


@check("plan.wal-amplified", level=Level.info, confidence=Confidence.estimated)
def wal_amplified(
    plan: Plan,
    *,
    min_wal_bytes: int = 10 * _MIB,
    min_factor: float = 10,
    max_full_page_ratio: float = 0.5,
) -> Iterator[Finding]:
    """A writing statement makes many times more WAL than it writes rows.

    Why: Each index of the table adds records for each row, unless an update changes no indexed
    column and finds room on the same page (HOT). All of it goes to disk, to the replicas and into
    the archive.

    Mistaken when: The rows have large values outside the plan's width (TOAST); or the table is
    small and its rows wide.

    Remedy: Drop unused indexes; leave room on the pages (fillfactor) so that updates can be HOT.

    Verify: EXPLAIN (ANALYZE, WAL) in a transaction that is rolled back: fewer WAL bytes for as many
    rows.
    """
    for node in plan.nodes:
        wal = node.wal
        if node.type != "ModifyTable" or wal is None or wal.bytes < min_wal_bytes:
            continue
        images = wal.fpi * _BLOCK
        if images > max_full_page_ratio * wal.bytes:
            continue  # that is plan.full-page-images
        below = plain_children(plan, node)
        rows = sum(child.total_rows or 0 for child in below)
        width = max((child.plan_width or 0 for child in below), default=0) + 32
        factor = wal.bytes / (rows * width) if rows else 0.0
        if not rows or factor < min_factor:
            continue
        update = node.operation in ("Update", "Merge")
        yield node_finding(
            plan,
            node,
            f"{bytes_text(wal.bytes)} of WAL for {count_text(rows)} rows, "
            f"{bytes_text(wal.bytes / rows)} a row",
            Remedy(
                (
                    "Compare n_tup_hot_upd with n_tup_upd: where few updates are HOT, drop indexes "
                    "on changing columns that nobody uses, and lower fillfactor."
                    if update
                    else "Drop indexes of the table that nobody uses; after each one inserts write "
                    "less."
                ),
                sql="SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE "
                f"relname = {_literal(node.relation or '')};",
            ),
            saving_ms=node.self_ms,
            evidence={
                "wal_bytes": round(wal.bytes),
                "wal_records": round(wal.records),
                "full_page_images": round(wal.fpi),
                "rows": round(rows),
                "factor": factor,
            },
            level_=Level.info,
        )


def _literal(name: str) -> str:
    return "'" + plain(name).replace("'", "''") + "'"
