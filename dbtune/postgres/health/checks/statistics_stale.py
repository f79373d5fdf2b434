"""A table has changed much since it was analysed."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations


@check("pg.statistics-stale", level=Level.info, tags=("vacuum", "planner"))
def statistics_stale(
    relations: Relations, *, min_rows: int = 10_000, min_ratio: float = 0.25
) -> Iterator[Finding]:
    """A table has changed much since it was analysed.

    Why: Plans are made for data that are not there any more; newest dates and ids count as
        absent.

    Mistaken when: What changed looks like what was there: the distribution is the same.

    Remedy: ANALYZE; a lower autovacuum_analyze_scale_factor for large tables.
    """
    for table in relations.tables.values():
        activity = table.activity
        if activity is None or table.kind not in "rm" or not table.rows:
            continue
        changed = activity.modified_since_analyze
        if changed < min_rows or changed < min_ratio * table.rows:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{changed:,} rows changed since the last ANALYZE, of {table.rows:,.0f}",
            Remedy(
                "Analyse it, and let autovacuum do so sooner.",
                sql=f"ANALYZE {quote(table.schema)}.{quote(table.name)};\n"
                f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} "
                "SET (autovacuum_analyze_scale_factor = 0.02);",
            ),
            {"modified_since_analyze": changed, "rows": table.rows},
        )
