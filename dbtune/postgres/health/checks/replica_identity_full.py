"""A table logs whole old rows for logical replication."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations


@check("pg.replica-identity-full", level=Level.info, tags=("replication", "schema"))
def replica_identity_full(relations: Relations, *, min_changes: int = 10_000) -> Iterator[Finding]:
    """A table logs whole old rows for logical replication.

    Why: Each update and delete writes all columns to the log, and the subscriber searches for
        the row without a key.

    Mistaken when: It is small or hardly changes.

    Remedy: A primary key, then REPLICA IDENTITY DEFAULT.
    """
    for table in relations.tables.values():
        activity = table.activity
        if table.replica_identity != "f" or activity is None:
            continue
        changes = activity.updated + activity.deleted
        if changes < min_changes:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"REPLICA IDENTITY FULL on {table.schema}.{table.name}, {changes:,} updates and "
            "deletes",
            Remedy(
                "Use a key.",
                sql=f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} REPLICA IDENTITY "
                "DEFAULT;",
                effect="needs a primary key",
            ),
            {"changes": changes, "rows": table.rows},
        )
