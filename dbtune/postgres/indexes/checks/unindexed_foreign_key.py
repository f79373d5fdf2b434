"""pg.unindexed-foreign-key"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.inventory import Inventory, supports
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.plans.ddl import INDEX_EFFECT
from dbtune.postgres.relations.facts import ForeignKey, Table
from dbtune.text import bytes_text, count_text, plain

_ACTIONS = {"c": "ON DELETE CASCADE", "n": "ON DELETE SET NULL", "d": "ON DELETE SET DEFAULT"}


@check("pg.unindexed-foreign-key", level=Level.info, tags=("indexes",))
def unindexed_foreign_key(
    inventory: Inventory,
    *,
    min_bytes: int = 1_048_576,
    max_rows_per_key: float = 100.0,
) -> Iterator[Finding]:
    """A foreign key's referencing columns have no index.

    Why: Each DELETE on the referenced table, and each UPDATE of its key, looks for rows that refer
    to it, and reads the whole referencing table to find them; while it reads, it holds locks.

    Mistaken when: Rows of the referenced table are never deleted and their keys never change, and
    no query joins along the foreign key: then an index would only cost writes. Without deletes so
    far it is for information only.

    Remedy: Create an index that starts with the referencing columns.
    """
    relations, sizes = inventory.relations, IndexSizes(inventory.relations)
    for key in relations.foreign_keys:
        table, target = relations.tables.get(key.table), relations.tables.get(key.target)
        if table is None or target is None or table.extension:
            continue
        read = inventory.table_bytes(table)
        if read < min_bytes or _is_indexed(key, table, inventory, max_rows_per_key):
            continue
        done = inventory.activity(target)
        deleted = done.deleted
        columns = ", ".join(key.columns)
        rows = inventory.rows(table)
        action = _ACTIONS.get(key.on_delete, "")
        what = f" ({action})" if action else ""
        deletes = (
            f"{count_text(deleted)} rows were deleted from {plain(target.name)}, and each delete "
            if deleted
            else f"nothing was deleted from {plain(target.name)} so far, but each delete would "
        )
        reads = "reads" if deleted else "read"
        yield Finding(
            subject=plain(f"{table.schema}.{table.name} ({columns})"),
            message=(
                f"the foreign key {plain(key.name)}{what} has no index: {deletes}{reads} all "
                f"{bytes_text(read)} of {plain(table.name)} ({count_text(round(rows))} rows)"
            ),
            level=Level.warning if deleted else None,
            evidence={
                "foreign_key": key.name,
                "referenced": f"{target.schema}.{target.name}",
                "rows": round(rows),
                "bytes_per_delete": read,
                "deleted_rows": deleted,
                "updated_rows": done.updated,
                "index_size_bytes": _size(key, table, sizes),
            },
            remedy=_remedy(key, table),
        )


def _is_indexed(key: ForeignKey, table: Table, inventory: Inventory, most: float) -> bool:
    """Whether an index finds the referring rows, or all but a few others beside them."""
    for index in inventory.indexes(key.table):
        if supports(index, key.columns):
            return True
        first = index.keys[0].column
        if index.valid and first in key.columns and index.method == "btree" and not index.predicate:
            known, rows = table.column[first].statistics, table.rows or 0.0
            if known is not None and rows:
                distinct = known.n_distinct if known.n_distinct > 0 else -known.n_distinct * rows
                if rows <= most * max(1.0, distinct):
                    return True
    return False


def _definition(key: ForeignKey, table: Table) -> Definition:
    return Definition(table.schema, table.name, tuple(map(column_key, key.columns)))


def _size(key: ForeignKey, table: Table, sizes: IndexSizes) -> int | None:
    try:
        return sizes.of(_definition(key, table)).likely_bytes
    except Unavailable:
        return None


def _remedy(key: ForeignKey, table: Table) -> Remedy:
    definition = _definition(key, table)
    if table.kind == "p":
        return Remedy(
            "Create the index on each partition concurrently, then on the partitioned table, which "
            "takes over those of its partitions.",
            sql=definition.ddl(concurrently=False) + ";",
            effect="made on the partitioned table alone it blocks writes until it is built",
        )
    return Remedy("Create an index on it.", sql=definition.ddl() + ";", effect=INDEX_EFFECT)
