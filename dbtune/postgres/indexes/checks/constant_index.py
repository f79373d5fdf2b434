"""pg.constant-index"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import drop_remedy, subject
from dbtune.postgres.relations.facts import ColumnStatistics, Index, Table
from dbtune.text import plain


@check("pg.constant-index", level=Level.warning, confidence=Confidence.estimated, tags=("indexes",))
def constant_index(
    inventory: Inventory,
    *,
    min_table_bytes: int = 1_048_576,
    few_rows_ratio: float = 0.1,
) -> Iterator[Finding]:
    """An index is on a column that has the same value, or NULL, in every row.

    Why: It tells no row from another, but is written with each of them.

    Mistaken when: ANALYZE, which looks at a sample, missed the few rows that differ, and these are
    what is looked up: then a partial index does the same. Indexes whose scans were seen to return
    few rows are left out, and so are those that a foreign key needs.

    Remedy: Drop it; if the column is to be filled later, make it then, or a partial index WHERE it
    differs.
    """
    for index, table in inventory:
        what = _constant(index, table)
        if not what or inventory.table_bytes(table) < min_table_bytes:
            continue
        scans, read = inventory.scans(index)
        seen_useful = scans and read / scans < few_rows_ratio * inventory.rows(table)
        if seen_useful or not inventory.may_go(index):
            continue
        yield Finding(
            subject=subject(index),
            message=(
                f"{plain(index.keys[0].column)} is {what} in every row of {plain(table.name)}; "
                f"dropping the index gives back {inventory.saved_text(index, table)}"
            ),
            evidence={"scans": scans, **inventory.saved(index, table)},
            remedy=drop_remedy(index, table, "Drop it."),
        )
    inventory.require_statistics()


def _constant(index: Index, table: Table) -> str:
    """What the only key of a whole index is in every row, or ""."""
    if len(index.keys) > 1 or index.predicate or index.method not in ("btree", "hash"):
        return ""
    column = table.column.get(index.keys[0].column)
    known: ColumnStatistics | None = column.statistics if column else None
    if known is None:
        return ""
    if known.null_ratio == 1:
        return "NULL"
    return "the same" if known.null_ratio == 0 and known.n_distinct == 1 else ""
