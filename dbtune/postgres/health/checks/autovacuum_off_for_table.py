"""Autovacuum is off for a table."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations


@check("pg.autovacuum-off-for-table", tags=("vacuum",))
def autovacuum_off_for_table(relations: Relations) -> Iterator[Finding]:
    """Autovacuum is off for a table.

    Why: Nobody removes its dead rows or keeps its statistics, unless a job does.

    Mistaken when: A job vacuums it at quiet hours, as last_vacuum would show.

    Remedy: RESET the option; settings of the table can make autovacuum gentle instead.
    """
    for table in relations.tables.values():
        if table.options.get("autovacuum_enabled", "").lower() not in ("false", "off", "no", "0"):
            continue
        dead = table.activity.dead_rows if table.activity else 0
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"autovacuum_enabled is off for {table.schema}.{table.name}; {dead:,} dead rows",
            Remedy(
                "Let it come again.",
                sql=f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} "
                "RESET (autovacuum_enabled);",
            ),
            {"dead_rows": dead, "rows": table.rows},
        )
