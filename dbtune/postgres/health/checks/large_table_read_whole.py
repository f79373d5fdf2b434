"""A large table is read as a whole again and again."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.relations.facts import Relations
from dbtune.text import bytes_text


@check("pg.large-table-read-whole", level=Level.info, tags=("io", "planner"))
def large_table_read_whole(
    relations: Relations, *, min_bytes: int = 256 * 1024**2, min_scans: int = 100
) -> Iterator[Finding]:
    """A large table is read as a whole again and again.

    Why: Each time all its pages go through the cache, and push out others.

    Mistaken when: Reports are meant to read it all; or parallel workers count once each.

    Remedy: dbtune suggest-indexes finds the index; dbtune slow-queries --by io the statement.
    """
    for table in relations.tables.values():
        activity = table.activity
        if activity is None or table.kind not in "rm" or (table.size_bytes or 0) < min_bytes:
            continue
        if activity.sequential_scans < min_scans:
            continue
        read = activity.sequential_rows / activity.sequential_scans
        if read < 0.5 * (table.rows or 0):
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{activity.sequential_scans:,} sequential scans of "
            f"{bytes_text(table.size_bytes or 0)}, "
            f"{read:,.0f} rows each; {activity.index_scans:,} index scans",
            Remedy("See which index it lacks: dbtune suggest-indexes."),
            {
                "sequential_scans": activity.sequential_scans,
                "sequential_rows": activity.sequential_rows,
                "size_bytes": table.size_bytes,
            },
        )
