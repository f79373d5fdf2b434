"""Values of an integer key come near to the type's end, and no sequence tells."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.sequences import TYPE_LIMITS, Sequence
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Column, Table
from dbtune.text import ratio_text

_TYPES = {"int2": TYPE_LIMITS["smallint"], "int4": TYPE_LIMITS["integer"]}


@check("pg.integer-key-near-end", confidence=Confidence.estimated, tags=("schema",))
def integer_key_near_end(
    inventory: Inventory,
    sequences: tuple[Sequence, ...],
    *,
    warning_ratio: float = 0.8,
    critical_ratio: float = 0.95,
) -> Iterator[Finding]:
    """Values of an integer key come near to the type's end, and no sequence tells.

    Why: The first row beyond the end is refused. A key may be filled by the application, or refer
        to a wider one: it ends earlier than what it refers to.

    Mistaken when: The values are no counter (a hash, a number from outside), or a few large ones
        were put in by hand: it is the largest that ANALYZE saw.

    Remedy: Make the column bigint in time: a new column kept by a trigger, filled in batches,
        then swapped.
    """
    fed = {(one.table, one.column) for one in sequences}
    for table, column in _keys(inventory):
        largest, limit = _largest(column), _TYPES[column.base_type]
        name = f"{table.schema}.{table.name}"
        if largest is None or largest < warning_ratio * limit or (name, column.name) in fed:
            continue
        used = largest / limit
        yield Finding(
            f"column {name}.{column.name}",
            f"{ratio_text(used)} of the values that {column.type} can hold are used: "
            f"{largest:,} of {limit:,}",
            Remedy(
                "Plan the way to bigint while there is time.",
                sql=f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} "
                f"ALTER COLUMN {quote(column.name)} TYPE bigint;",
                effect="ALTER COLUMN TYPE rewrites the table under an exclusive lock",
            ),
            {"largest": largest, "limit": limit, "used_ratio": used},
            level=Level.critical if used >= critical_ratio else Level.warning,
        )
    inventory.require_statistics()


def _keys(inventory: Inventory) -> Iterator[tuple[Table, Column]]:
    """Narrow integer columns that are a key of their own, or refer to one."""
    relations = inventory.relations
    referring = {
        (one.table, one.columns[0]) for one in relations.foreign_keys if len(one.columns) == 1
    }
    for table, indexes in inventory.tables:
        own = {one.keys[0].column for one in indexes if one.unique and len(one.keys) == 1}
        for column in table.columns:
            if column.base_type not in _TYPES:
                continue
            if column.name in own or (table.oid, column.name) in referring:
                yield table, column


def _largest(column: Column) -> int | None:
    known = column.statistics
    if known is None:
        return None
    texts = [*known.histogram[-1:], *known.common_values]
    return max((int(text) for text in texts if text.lstrip("-").isdigit()), default=None)
