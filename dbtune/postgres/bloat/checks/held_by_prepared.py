"""pg.dead-rows-held-by-prepared-transaction"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import dead_rows, in_tables
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.facts.prepared_transactions import Prepared
from dbtune.text import ms_text


@check(
    "pg.dead-rows-held-by-prepared-transaction",
    level=Level.critical,
    tags=("bloat", "vacuum", "transactions"),
)
def held_by_prepared(
    bloat: Bloat,
    prepared_transactions: tuple[Prepared, ...],
    *,
    min_seconds: float = 300,
    min_dead_rows: int = 10_000,
) -> Iterator[Finding]:
    """A prepared transaction was never ended, and keeps VACUUM from removing what died since.

    Why: It outlives sessions and restarts: without somebody's COMMIT PREPARED or ROLLBACK PREPARED
        nothing that died since can be removed, ever.

    Mistaken when: Its transaction manager is about to end it.

    Remedy: Ask the transaction manager what became of it, then commit it or roll it back.
    """
    dead = dead_rows(bloat)
    if dead.rows < min_dead_rows:
        return
    for one in prepared_transactions:
        if one.database != bloat.sizes.database or one.age_seconds < min_seconds:
            continue
        gid = one.gid.replace("'", "''")
        yield Finding(
            f"prepared transaction {one.gid}",
            f"prepared by {one.owner} {ms_text(one.age_seconds * 1000)} ago and not ended: "
            f"{dead.rows:,.0f} dead rows {in_tables(dead, bloat)}",
            Remedy(
                "Ask its transaction manager; if it knows nothing of it, roll it back.",
                sql=f"-- COMMIT PREPARED '{gid}'; or:\nROLLBACK PREPARED '{gid}';",
                effect="what it changed is lost, or becomes visible",
            ),
            {
                "age_seconds": one.age_seconds,
                "xid_age": one.xid_age,
                "dead_rows": round(dead.rows),
            },
        )
