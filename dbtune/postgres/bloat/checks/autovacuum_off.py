"""pg.dead-rows-autovacuum-off"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.bloat.autovacuum import is_off_everywhere, is_off_for
from dbtune.postgres.bloat.checks import dead_rows, in_tables, subject
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.bloat.remedy import name_of
from dbtune.text import plural


@check("pg.dead-rows-autovacuum-off", tags=("bloat", "vacuum"))
def autovacuum_off(bloat: Bloat, *, min_dead_rows: int = 1000) -> Iterator[Finding]:
    """Rows of a table die, and autovacuum is off for it.

    Why: Nothing removes them but a VACUUM by hand, and the table's statistics go stale, too.

    Mistaken when: A job vacuums it, as its last VACUUM shows.

    Remedy: Let autovacuum come; if it came at bad times, make it gentler with the table's
        autovacuum_vacuum_cost_delay.
    """
    dead = dead_rows(bloat)
    having = [one for one in dead.tables if (one.dead_rows or 0) >= min_dead_rows]
    everywhere = having and is_off_everywhere(bloat.sizes)
    if everywhere:
        setting = everywhere.partition(" ")[0]
        yield Finding(
            "autovacuum",
            f"{everywhere}: {dead.rows:,.0f} dead rows {in_tables(dead, bloat)}",
            Remedy(
                "Turn it on.",
                sql=f"ALTER SYSTEM SET {setting} = on;\nSELECT pg_reload_conf();",
            ),
            {"dead_rows": round(dead.rows), "tables": len(dead.tables)},
        )
    for one in having:
        if not is_off_for(one.relation):
            continue
        rows, counters = one.dead_rows or 0.0, one.relation.counters
        table = bloat.sizes.relations.get(one.relation.table, one.relation)
        option = "toast.autovacuum_enabled" if table is not one.relation else "autovacuum_enabled"
        yield Finding(
            subject(one, bloat),
            f"{rows:,.0f} dead rows, and autovacuum_enabled is off for it; vacuumed by hand "
            f"{plural(counters.vacuums, 'time')} since statistics began",
            Remedy(
                "Let autovacuum come to it.",
                sql=f"ALTER TABLE {name_of(table)} RESET ({option});",
                effect="SHARE UPDATE EXCLUSIVE for a moment",
            ),
            {"dead_rows": round(rows), "vacuums": counters.vacuums},
        )
