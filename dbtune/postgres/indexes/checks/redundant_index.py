"""pg.redundant-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, check
from dbtune.postgres.indexes.beside import may_pay_beside
from dbtune.postgres.indexes.coverage import Covered
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import drop_remedy, subject
from dbtune.text import plain


@check("pg.redundant-index", level=Level.warning, tags=("indexes",))
def redundant_index(
    inventory: Inventory,
    covered: Sequence[Covered],
    *,
    large_factor: float = 5.0,
) -> Iterator[Finding]:
    """A wider index serves everything that this one serves.

    Why: It is written with each row, vacuumed, cached and backed up, and each of its look-ups,
    orders and index-only scans could use the wider index.

    Mistaken when: The wider index is many times larger, and small look-ups in the narrow one fit
    the cache while those in the wide one do not; or the table is in the order of the narrow one's
    column, which the planner believes less of an index of several columns: it may plan otherwise
    without the narrow one. Such a finding is for information only.

    Remedy: Drop the narrow index; the planner takes the wider one.
    """
    for one in covered:
        if one.equal:
            continue
        table = inventory.relations.tables[one.index.table]
        mine, other = inventory.index_bytes(one.index), inventory.index_bytes(one.by)
        much_larger = mine > 0 and other > large_factor * mine
        if pays := _pays(one, inventory):
            much_larger = True
        yield Finding(
            subject=subject(one.index),
            message=(
                f"{plain(one.by.name)} serves all that it serves; dropping it gives back "
                f"{inventory.saved_text(one.index, table)}{_BUT if pays else ''}"
            ),
            level=Level.info if much_larger else None,
            evidence={
                "kept": f"{one.by.schema}.{one.by.name}",
                "kept_size_bytes": other,
                "scans": one.index.scans,
                "may_pay": pays,
                **inventory.saved(one.index, table),
            },
            remedy=drop_remedy(one.index, table, f"Drop it; {plain(one.by.name)} takes over."),
        )


_BUT = (
    "; but it is used and much smaller, and the table is in its order: plans may become worse "
    "without it"
)


def _pays(one: Covered, inventory: Inventory) -> bool:
    """Whether it may pay all the same, so that it would be suggested again."""
    index, table = one.index, inventory.relations.tables[one.index.table]
    size, column = float(inventory.index_bytes(index)), index.keys[0].column
    plain = index.method == "btree" and len(index.keys) == 1 and column and not index.predicate
    return bool(plain) and may_pay_beside(table, column, size, one.by) and inventory.is_used(index)
