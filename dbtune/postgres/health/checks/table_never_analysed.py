"""A table was never analysed."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations
from dbtune.text import bytes_text


@check("pg.table-never-analysed", tags=("vacuum", "planner"))
def table_never_analysed(relations: Relations, *, min_bytes: int = 1024**2) -> Iterator[Finding]:
    """A table was never analysed.

    Why: The planner guesses how many rows a condition leaves: joins in the wrong order, nested
        loops over millions.

    Mistaken when: It has just been filled, and autovacuum comes within a minute.

    Remedy: ANALYZE it; see why autovacuum did not.
    """
    for table in relations.tables.values():
        # Without a row count the planner has never seen it; the size tells that there is something.
        if table.kind not in "rm" or table.rows is not None or table.extension:
            continue
        if (table.size_bytes or 0) < min_bytes:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{table.schema}.{table.name} ({bytes_text(table.size_bytes or 0)}) has no statistics",
            Remedy(
                "Analyse it.",
                sql=f"ANALYZE {quote(table.schema)}.{quote(table.name)};",
                effect="reads a sample; blocks neither reading nor writing",
            ),
            {"size_bytes": table.size_bytes},
        )
