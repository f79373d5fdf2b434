"""pg.duplicate-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, check
from dbtune.postgres.indexes.coverage import Covered
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import drop_remedy, subject
from dbtune.text import plain


@check("pg.duplicate-index", level=Level.warning, tags=("indexes",))
def duplicate_index(inventory: Inventory, covered: Sequence[Covered]) -> Iterator[Finding]:
    """Two indexes of a table do the same.

    Why: Both are written with each row, vacuumed, cached and backed up; one of them is for
    nothing.

    Mistaken when: A statement names the constraint or the index (ON CONFLICT ON CONSTRAINT, a
    hint), or the server is about to be reindexed by swapping them.

    Remedy: Drop the one that no constraint, replica identity or foreign key needs.
    """
    for one in covered:
        if not one.equal:
            continue
        table = inventory.relations.tables[one.index.table]
        yield Finding(
            subject=subject(one.index),
            message=(
                f"does the same as {plain(one.by.name)}; dropping it gives back "
                f"{inventory.saved_text(one.index, table)}"
            ),
            evidence={
                "kept": f"{one.by.schema}.{one.by.name}",
                "scans": one.index.scans,
                **inventory.saved(one.index, table),
            },
            remedy=drop_remedy(one.index, table, f"Drop it and keep {plain(one.by.name)}."),
        )
