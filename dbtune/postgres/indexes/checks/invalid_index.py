"""pg.invalid-index"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import commented, subject
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Index, Table
from dbtune.text import bytes_text, count_text, plain

_LEFT_BY_REINDEX = re.compile(r"_cc(new|old)\d*$")


@check("pg.invalid-index", level=Level.warning, tags=("indexes",))
def invalid_index(inventory: Inventory) -> Iterator[Finding]:
    """An index is invalid: no query uses it.

    Why: CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY failed or was cancelled and left it
    behind. It takes space, writes may still maintain it, and the look-ups that it was made for
    read the table.

    Mistaken when: It is being built by a session that this role can't see.

    Remedy: Drop it, or build it again with REINDEX INDEX CONCURRENTLY once the cause is gone; of a
    partitioned index, attach the parts that are missing.
    """
    for index, table in inventory:
        if index.valid or index.building:
            continue
        writes = inventory.entry_writes(table) if index.ready else 0
        upkeep = f", and writes maintain it ({count_text(writes)} rows so far)" if writes else ""
        yield Finding(
            subject=subject(index),
            message=(
                f"can't be used, takes {bytes_text(inventory.index_bytes(index))} of "
                f"{plain(table.name)}{upkeep}"
            ),
            evidence={
                "size_bytes": inventory.index_bytes(index),
                "maintained": index.ready,
                "unique": index.unique,
            },
            remedy=_remedy(index, table),
        )


def _remedy(index: Index, table: Table) -> Remedy:
    name = f"{quote(index.schema)}.{quote(index.name)}"
    drop = f"DROP INDEX CONCURRENTLY {name};"
    if table.kind == "p":
        return Remedy(
            "Make the index on each partition that lacks it and attach it; the partitioned index "
            "becomes valid with the last one.",
            sql=commented(f"ALTER INDEX {name} ATTACH PARTITION ...;"),
            effect="builds of single partitions can be CONCURRENTLY",
        )
    if index.parent is not None:
        return Remedy(
            "Build it again.",
            sql=f"REINDEX INDEX CONCURRENTLY {name};",
            effect="builds in the background, blocks no writes",
        )
    if _LEFT_BY_REINDEX.search(index.name):
        return Remedy(
            "A REINDEX CONCURRENTLY left it behind: drop it, and look whether the index that it "
            "was to replace needs another try.",
            sql=drop,
            effect="waits for running transactions, blocks nobody",
        )
    build, effect = (
        f"REINDEX INDEX CONCURRENTLY {name};",
        "builds in the background, blocks no writes",
    )
    if index.unique:
        return Remedy(
            "Find and remove the duplicates first, then build it again; or drop it if unwanted.",
            sql=f"{_duplicates(index, table)}\n{commented(f'then: {build}')}\n"
            f"{commented(f'or: {drop}')}",
            effect=f"reads the table; then {effect}",
        )
    return Remedy(
        "Build it again, or drop it if it is not wanted.",
        sql=f"{build}\n{commented(f'or: {drop}')}",
        effect=effect,
    )


def _duplicates(index: Index, table: Table) -> str:
    """What keeps a unique index from being built, as a query."""
    keys = [quote(key.column) if key.column else f"({key.expression})" for key in index.keys]
    listed = ", ".join(keys)
    conditions = [f"({index.predicate})"] * bool(index.predicate)
    if not index.nulls_not_distinct:
        conditions += [f"{key} IS NOT NULL" for key in keys]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (
        f"SELECT {listed}, count(*) FROM {quote(table.schema)}.{quote(table.name)}{where} "
        f"GROUP BY {listed} HAVING count(*) > 1;"
    )
