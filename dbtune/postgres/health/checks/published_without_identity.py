"""A published table has nothing to tell its rows apart."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.subscriptions import LogicalReplication
from dbtune.postgres.plans.ddl import quote


@check("pg.published-without-identity", tags=("replication", "schema"))
def published_without_identity(logical_replication: LogicalReplication) -> Iterator[Finding]:
    """A published table has nothing to tell its rows apart.

    Why: UPDATE and DELETE on it fail with an error as long as it is published.

    Mistaken when: Rows are only ever inserted.

    Remedy: A primary key, or REPLICA IDENTITY USING INDEX; FULL as the last resort.
    """
    for one in logical_replication.without_identity:
        schema = one.schema or one.table.partition(".")[0]
        table = one.table.removeprefix(f"{schema}.")
        yield Finding(
            f"table {one.table}",
            f"{one.table} is published by {one.publication}, its replica identity is "
            f"{one.identity} "
            "and it has no primary key to use",
            Remedy(
                "Give it a primary key; until then:",
                sql=f"ALTER TABLE {quote(schema)}.{quote(table)} REPLICA IDENTITY FULL;",
                effect="each change then logs and sends the whole old row",
            ),
            {"publication": one.publication},
        )
