"""A table was never vacuumed."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations
from dbtune.text import bytes_text


@check("pg.table-never-vacuumed", level=Level.info, tags=("vacuum",))
def table_never_vacuumed(
    relations: Relations, *, min_rows: int = 100_000, min_bytes: int = 64 * 1024**2
) -> Iterator[Finding]:
    """A table was never vacuumed.

    Why: Without a visibility map index-only scans look into the table all the same, and one day
        all of it has to be frozen at once.

    Mistaken when: It was filled just now, or the statistics were reset since its last VACUUM and
        it is marked as visible.

    Remedy: VACUUM it; see why autovacuum does not (off for the table, too lax a threshold for
        inserts: autovacuum_vacuum_insert_scale_factor).
    """
    if relations.standby:
        return  # it counts no VACUUM
    for table in relations.tables.values():
        activity, size = table.activity, table.size_bytes or 0
        if activity is None or table.kind not in "rm" or size < min_bytes:
            continue
        if activity.last_vacuum is not None or table.all_visible_pages:
            continue
        if max(activity.live_rows, table.rows or 0) < min_rows:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{bytes_text(size)} with {activity.live_rows:,} rows, never vacuumed: no page is "
            "known to be visible to all",
            Remedy(
                "Vacuum it.",
                sql=f"VACUUM (ANALYZE) {quote(table.schema)}.{quote(table.name)};",
                effect="reads the whole table; blocks neither reading nor writing",
            ),
            {"size_bytes": size, "rows": activity.live_rows, "inserted": activity.inserted},
        )
