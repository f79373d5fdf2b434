"""A table has no primary key."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.indexes.removal import commented
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations


@check("pg.table-without-primary-key", level=Level.info, tags=("schema",))
def table_without_primary_key(relations: Relations, *, min_rows: float = 1000) -> Iterator[Finding]:
    """A table has no primary key.

    Why: Nothing tells two rows apart: duplicates creep in, logical replication can't update it,
        and tools that repack or migrate refuse it.

    Mistaken when: It is a log, a staging table or a join table whose rows are only ever
        inserted and dropped.

    Remedy: ADD PRIMARY KEY; on a large table build a unique index concurrently first, then
        USING INDEX.
    """
    keyed = {index.table for index in relations.indexes if index.primary}
    for table in relations.tables.values():
        if table.kind not in "rp" or table.parent or table.extension or table.oid in keyed:
            continue
        if (table.rows or 0) < min_rows:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{table.schema}.{table.name} has no primary key ({table.rows or 0:,.0f} rows)",
            Remedy(
                "Choose columns that identify a row, or add an identity column.",
                sql=commented(
                    f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} ADD PRIMARY KEY (...);"
                ),
                effect="builds an index under an exclusive lock; USING INDEX avoids that",
            ),
            {"rows": table.rows},
        )
