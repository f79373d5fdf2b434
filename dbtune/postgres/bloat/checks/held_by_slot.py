"""pg.dead-rows-held-by-slot"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import dead_rows, in_tables
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.facts.replication import Replication


@check("pg.dead-rows-held-by-slot", tags=("bloat", "vacuum", "replication"))
def held_by_slot(
    bloat: Bloat,
    replication: Replication,
    *,
    min_xids: int = 10_000,
    min_dead_rows: int = 10_000,
) -> Iterator[Finding]:
    """A replication slot keeps VACUUM from removing what died since somebody read from it.

    Why: A physical slot with hot_standby_feedback keeps rows of all tables, a logical one keeps
        rows of the catalog; without a reader it does so for ever.

    Mistaken when: Its reader is only behind for a moment.

    Remedy: Bring its reader back, or drop the slot.
    """
    for slot in replication.slots:
        if slot.xmin_age is None or slot.xmin_age < min_xids:
            continue
        logical = slot.kind == "logical"
        dead = dead_rows(bloat, catalog=logical)
        if dead.rows < min_dead_rows:
            continue
        name = slot.name.replace("'", "''")
        state = "is read" if slot.active else "nobody reads it"
        yield Finding(
            f"replication slot {slot.name}",
            f"{slot.kind} slot, {state}; it holds back {slot.xmin_age:,} transactions: "
            f"{dead.rows:,.0f} dead rows {in_tables(dead, bloat)}",
            Remedy(
                "See why its reader lags." if slot.active else "Drop it if its reader is gone.",
                sql="" if slot.active else f"SELECT pg_drop_replication_slot('{name}');",
                effect="" if slot.active else "a reader that comes back has to start anew",
            ),
            {"xmin_age": slot.xmin_age, "active": slot.active, "dead_rows": round(dead.rows)},
            level=Level.warning if slot.active else Level.critical,
        )
