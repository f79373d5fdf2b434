"""pg.too-many-indexes"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.text import bytes_text, count_text, plain, ratio_text


@check(
    "pg.too-many-indexes", level=Level.info, confidence=Confidence.rule_of_thumb, tags=("indexes",)
)
def too_many_indexes(
    inventory: Inventory,
    *,
    min_indexes: int = 10,
    warning_indexes: int = 15,
    min_writes: int = 10_000,
    min_writes_per_scan: float = 1.0,
) -> Iterator[Finding]:
    """A table that is written more than read has many indexes.

    Why: Each row that is inserted, and each update that is not HOT, writes an entry to every one
    of them, with WAL and full-page images: writes slow down and replication lags.

    Mistaken when: The table is written in bulk once and then read, or reads matter more than
    writes however many there are.

    Remedy: Look at the least scanned indexes first; merge those that begin alike, and make those
    partial that serve few rows.
    """
    for table, indexes in inventory.tables:
        if table.parent is not None or len(indexes) < min_indexes:
            continue
        done = inventory.activity(table)
        writes = done.inserted + done.updated + done.deleted
        scans = done.sequential_scans + done.index_scans
        if writes < min_writes or writes < min_writes_per_scan * scans:
            continue
        least = sorted(indexes, key=lambda one: (inventory.scans(one)[0], one.name))[:3]
        total = sum(inventory.index_bytes(one) for one in indexes)
        hot = done.hot_updated / done.updated if done.updated else None
        rare = ", ".join(f"{plain(one.name)} ({inventory.scans(one)[0]:,})" for one in least)
        yield Finding(
            subject=plain(f"{table.schema}.{table.name}"),
            message=(
                f"{len(indexes)} indexes ({bytes_text(total)}) on a table with "
                f"{count_text(writes)} rows written and {count_text(scans)} scans; each insert "
                f"writes to all of them; scanned least: {rare}"
            ),
            level=Level.warning if len(indexes) >= warning_indexes else None,
            evidence={
                "indexes": len(indexes),
                "index_bytes": total,
                "table_bytes": inventory.table_bytes(table),
                "written_rows": writes,
                "scans": scans,
                "hot_ratio": hot,
            },
            remedy=Remedy(
                "Review the least scanned ones"
                + (f"; {ratio_text(1 - hot)} of the updates are not HOT." if hot else "."),
                effect="what a review finds",
            ),
        )
