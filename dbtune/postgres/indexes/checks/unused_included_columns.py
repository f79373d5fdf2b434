"""pg.unused-included-columns"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import removal, subject
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.plans.ddl import object_name, quote
from dbtune.postgres.relations.facts import Index, Table
from dbtune.text import bytes_text, count_text, plain


@check("pg.unused-included-columns", level=Level.info, tags=("indexes",))
def unused_included_columns(
    inventory: Inventory,
    *,
    min_scans: int = 1000,
    min_fetched_ratio: float = 0.99,
    min_visible_ratio: float = 0.5,
    min_bytes: int = 10_485_760,
) -> Iterator[Finding]:
    """The columns that an index includes have never saved a visit to the table.

    Why: Columns behind INCLUDE are there for index-only scans. They make the index larger, turn
    deduplication off, and each update of one of them cannot be HOT.

    Mistaken when: The table was seldom vacuumed in the time, so that index-only scans had to look
    into it anyway; or scans that would use the columns are rare. It is said only of indexes of
    which nearly every entry read was followed by a visit to the table, as the server counts them.

    Remedy: Make the index without INCLUDE, then drop this one.
    """
    sizes = IndexSizes(inventory.relations)
    for index, table in inventory:
        read, fetched = index.rows_read or 0, index.rows_fetched or 0
        if not index.include or (index.scans or 0) < min_scans or not read:
            continue
        visible = table.all_visible_pages / table.pages if table.pages else 0.0
        kept = index.unique or index.constraint or index.parent is not None or not index.valid
        if kept or fetched < min_fetched_ratio * read or visible < min_visible_ratio:
            continue
        size = inventory.index_bytes(index)
        narrow = sizes.rebuilt(replace(index, include=()))
        if size < min_bytes or narrow.high_bytes >= size:
            continue
        columns = plain(", ".join(index.include))
        yield Finding(
            subject=subject(index),
            message=(
                f"INCLUDE ({columns}) saved no visit to {plain(table.name)}: of "
                f"{count_text(read)} entries read, {count_text(fetched)} were followed by one; "
                f"without it the index would take about {bytes_text(narrow.likely_bytes)} of "
                f"{bytes_text(size)}"
            ),
            evidence={
                "scans": index.scans,
                "entries_read": read,
                "rows_fetched": fetched,
                "size_bytes": size,
                "narrow_size_bytes": narrow.likely_bytes,
            },
            remedy=_remedy(index, table),
        )


def _remedy(index: Index, table: Table) -> Remedy:
    return Remedy(
        "Make it anew without INCLUDE, then drop this one.",
        sql=f"{_narrow(index, table)}{removal(index, table).sql}",
        effect="builds in the background, blocks no writes",
    )


def _narrow(index: Index, table: Table) -> str:
    """The statement that makes the index without its included columns, if it can be told."""
    before, found, after = index.definition.partition(" INCLUDE (")
    start = next(
        (
            begin
            for name in (index.name, quote(index.name))
            if before.startswith(begin := f"CREATE INDEX {name} ON ")
        ),
        "",
    )
    if not found or not start or " INCLUDE (" in after:
        return ""
    names = ", ".join(index.include)
    quoted = ", ".join(map(quote, index.include))
    rest = next((after.removeprefix(n) for n in (names, quoted) if after.startswith(n)), "")
    if not rest.startswith(")"):
        return ""
    name = object_name((table.name, *(key.column or "expr" for key in index.keys)), "idx")
    keys = before.removeprefix(start)
    return f"CREATE INDEX CONCURRENTLY {quote(name)} ON {keys}{rest[1:]};\n"
