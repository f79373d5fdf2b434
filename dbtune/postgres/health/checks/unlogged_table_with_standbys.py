"""Unlogged tables are not on the standbys."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote
from dbtune.text import bytes_text, plural


@check("pg.unlogged-table-with-standbys", level=Level.info, tags=("schema", "replication"))
def unlogged_table_with_standbys(
    schema_flaws: tuple[Flaw, ...], replication: Replication, *, min_bytes: int = 1024**2
) -> Iterator[Finding]:
    """Unlogged tables are not on the standbys.

    Why: After a failover they are empty; after a crash, too.

    Mistaken when: What is in them can be made again: a cache, a staging table.

    Remedy: ALTER TABLE ... SET LOGGED, which rewrites the table.
    """
    if not replication.standbys:
        return
    for one in schema_flaws:
        if one.kind == "unlogged-table" and one.size_bytes >= min_bytes:
            schema, table = one.parts
            yield Finding(
                f"table {one.name}",
                f"{one.name} ({bytes_text(one.size_bytes)}) is unlogged, and "
                f"{plural(len(replication.standbys), 'standby', 'standbys')} would not have it",
                Remedy(
                    "Make it a logged one, if it must survive.",
                    sql=f"ALTER TABLE {quote(schema)}.{quote(table)} SET LOGGED;",
                    effect="rewrites the table under an exclusive lock",
                ),
                {"size_bytes": one.size_bytes, "rows": one.rows},
            )
