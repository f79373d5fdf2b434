"""pg.low-selectivity-index"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import (
    commented,
    drop_remedy,
    removal,
    subject,
    undo_text,
)
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import ColumnStatistics, Index, Table
from dbtune.text import plain, ratio_text


@check(
    "pg.low-selectivity-index", level=Level.info, confidence=Confidence.estimated, tags=("indexes",)
)
def low_selectivity_index(
    inventory: Inventory,
    *,
    min_rows_ratio: float = 0.2,
    max_values: int = 20,
    min_table_bytes: int = 1_048_576,
    rare_ratio: float = 0.05,
) -> Iterator[Finding]:
    """A look-up in an index returns a large part of the table.

    Why: To read a large part of a table the planner takes a sequential scan, so that the index is
    written with each row and read by none; where it is read, it saves little.

    Mistaken when: Only the rare values are looked up: then a partial index does the same and is
    much smaller. Indexes whose scans were seen to return few rows are left out, and so are those
    that a foreign key needs.

    Remedy: Drop it, or replace it by a partial index for the rare values, or by one with a second
    column that tells rows apart.
    """
    for index, table in inventory:
        known = _statistics(index, table)
        if known is None or len(known.common_ratios) > max_values:
            continue
        share = sum(ratio**2 for ratio in known.common_ratios)
        if share < min_rows_ratio or inventory.table_bytes(table) < min_table_bytes:
            continue
        scans, read = inventory.scans(index)
        rows = inventory.rows(table)
        if not inventory.may_go(index) or (scans and read / scans < min_rows_ratio * rows):
            continue
        top = max(known.common_ratios)
        yield Finding(
            subject=subject(index),
            message=(
                f"a look-up in it returns {ratio_text(share)} of {plain(table.name)} on average: "
                f"its commonest value is in {ratio_text(top)} of the rows; dropping it gives back "
                f"{inventory.saved_text(index, table)}"
            ),
            evidence={
                "rows_ratio": share,
                "commonest_ratio": top,
                "values": len(known.common_ratios),
                "scans": scans,
                "rows_per_scan": read / scans if scans else None,
                **inventory.saved(index, table),
            },
            remedy=_remedy(index, table, known, rare_ratio),
        )
    inventory.require_statistics()


def _literal(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'" if "\\" not in value else f"E'{doubled.replace(chr(92), chr(92) * 2)}'"


def _statistics(index: Index, table: Table) -> ColumnStatistics | None:
    """Of the only key of a whole index of which all values are known."""
    if index.method not in ("btree", "hash") or len(index.keys) > 1 or index.predicate:
        return None
    column = table.column.get(index.keys[0].column)
    known = column.statistics if column else index.keys[0].statistics
    if known is None or not known.common_ratios or not known.n_distinct > 1:
        return None
    return known if len(known.common_ratios) >= known.n_distinct else None


def _remedy(index: Index, table: Table, known: ColumnStatistics, rare: float) -> Remedy:
    values = [
        value
        for value, ratio in zip(known.common_values, known.common_ratios, strict=False)
        if ratio <= rare
    ]
    column = index.keys[0].column
    if not values or not column or index.constraint or table.kind == "p":
        return drop_remedy(index, table, "Drop it, if nobody looks for rare values in it.")
    condition = f"{quote(column)} IN ({', '.join(map(_literal, values))})"
    how = removal(index, table)
    create = commented(
        f"CREATE INDEX CONCURRENTLY ON {quote(table.schema)}.{quote(table.name)} "
        f"({quote(column)}) WHERE {condition};"
    )
    return Remedy(
        "Drop it. If the rare values are looked up, make a partial index for them first.",
        sql=f"{create}\n{how.sql}\n{undo_text(how)}",
        effect=how.effect,
    )
