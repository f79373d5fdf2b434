"""Dead rows are far over autovacuum's threshold."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.settings import Settings
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations, Table


def _threshold(table: Table, settings: Settings) -> float:
    """Dead rows at which autovacuum comes (autovacuum.c, relation_needs_vacanalyze)."""
    base = _option(table, settings, "autovacuum_vacuum_threshold", 50)
    factor = _option(table, settings, "autovacuum_vacuum_scale_factor", 0.2)
    most = settings.number("autovacuum_vacuum_max_threshold")
    threshold = base + factor * (table.rows or 0)
    return min(threshold, most) if most and most > 0 else threshold


def _option(table: Table, settings: Settings, name: str, default: float) -> float:
    try:
        return float(table.options[name])
    except (KeyError, ValueError):
        return settings.number(name) or default


@check("pg.vacuum-behind", tags=("vacuum",))
def vacuum_behind(
    relations: Relations, settings: Settings, *, min_rows: int = 10_000, factor: float = 2.0
) -> Iterator[Finding]:
    """Dead rows are far over autovacuum's threshold.

    Why: Every scan reads them, indexes point to them, and the table grows instead of reusing
        their space.

    Mistaken when: A large change was made just now, and a worker is on its way.

    Remedy: VACUUM; then see why autovacuum does not come: blocked (pg.xmin-held-back), too
        slow, or off.
    """
    for table in relations.tables.values():
        activity = table.activity
        if activity is None or table.kind not in "rm":
            continue
        threshold = _threshold(table, settings)
        if activity.dead_rows < max(min_rows, factor * threshold):
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{activity.dead_rows:,} dead rows beside {activity.live_rows:,} live ones; autovacuum "
            f"should have come at {threshold:,.0f}",
            Remedy(
                "Vacuum it now, and find out why autovacuum did not.",
                sql=f"VACUUM (ANALYZE, VERBOSE) {quote(table.schema)}.{quote(table.name)};",
                effect="blocks neither reading nor writing",
            ),
            {
                "dead_rows": activity.dead_rows,
                "live_rows": activity.live_rows,
                "threshold_rows": threshold,
            },
        )
