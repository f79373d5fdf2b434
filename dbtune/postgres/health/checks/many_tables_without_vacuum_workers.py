"""Autovacuum's workers are too few or too slow for what waits."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings
from dbtune.postgres.relations.facts import Relations
from dbtune.text import plural


@check(
    "pg.many-tables-without-vacuum-workers",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("vacuum", "settings"),
)
def many_tables_without_vacuum_workers(
    relations: Relations, settings: Settings, *, factor: float = 1.5, min_tables: int = 15
) -> Iterator[Finding]:
    """Autovacuum's workers are too few or too slow for what waits.

    Why: Tables wait in line for a worker: the ones that change most grow.

    Mistaken when: It has just been started, or a bulk change touched everything at once.

    Remedy: More autovacuum_max_workers (restart before 18), and a higher
        autovacuum_vacuum_cost_limit for them to share.
    """
    workers = settings.number("autovacuum_max_workers")
    waiting = [
        table
        for table in relations.tables.values()
        if table.kind in "rm"
        and table.activity is not None
        and table.activity.dead_rows
        > max(1000.0, 50 + factor * 0.2 * (table.rows or table.activity.live_rows))
    ]
    if not workers or len(waiting) < max(min_tables, 5 * workers):
        return
    yield Finding(
        "autovacuum_max_workers",
        f"{plural(len(waiting), 'table')} are over autovacuum's threshold, {workers:.0f} workers",
        Remedy(
            "Let each worker do more.",
            sql="ALTER SYSTEM SET autovacuum_vacuum_cost_limit = 2000;\nSELECT pg_reload_conf();",
            effect="more I/O by autovacuum",
        ),
        {"tables": len(waiting), "workers": workers},
    )
