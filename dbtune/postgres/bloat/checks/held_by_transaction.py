"""pg.dead-rows-held-by-transaction"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import dead_rows, in_tables, vacuumed
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.facts.sessions import Sessions
from dbtune.text import ms_text


@check("pg.dead-rows-held-by-transaction", tags=("bloat", "vacuum", "transactions"))
def held_by_transaction(
    bloat: Bloat,
    sessions: Sessions,
    *,
    min_seconds: float = 300,
    min_dead_rows: int = 10_000,
) -> Iterator[Finding]:
    """A transaction is open for long, and keeps VACUUM from removing what died since.

    Why: VACUUM must leave every row that the oldest open transaction might still see, in all
        tables of the database, whatever it has read so far.

    Mistaken when: It is a backup or a report that has to run for so long; then do it on a standby,
        or at a quiet time.

    Remedy: End the transaction if nobody needs it; set idle_in_transaction_session_timeout and
        statement_timeout for the role.
    """
    dead = dead_rows(bloat)
    if dead.rows < min_dead_rows:
        return
    holders = [
        one
        for one in sessions.backends
        if one.xmin_age is not None
        and one.database == bloat.sizes.database
        and one.kind not in ("autovacuum worker", "walsender")
        and (one.transaction_seconds or 0) >= min_seconds
    ]
    holders.sort(key=lambda one: -(one.xmin_age or 0))
    for one in holders[:3]:
        seconds = one.transaction_seconds or 0.0
        in_vain = [
            table
            for table in dead.tables
            if (last := vacuumed(table.relation))
            and (bloat.sizes.at - last).total_seconds() < seconds
        ]
        proof = " and VACUUM has come meanwhile in vain" if in_vain else ""
        yield Finding(
            f"session of {one.who}",
            f"process {one.pid} ({one.state or one.kind}) has been in a transaction for "
            f"{ms_text(seconds * 1000)}, {one.xmin_age:,} transactions old: {dead.rows:,.0f} dead "
            f"rows {in_tables(dead, bloat)}{proof}",
            Remedy(
                "End it if nobody needs it, then VACUUM.",
                sql=f"SELECT pg_terminate_backend({one.pid});\n"
                "-- ALTER ROLE ... SET idle_in_transaction_session_timeout = '5min';",
                effect="the transaction is rolled back",
            ),
            {
                "pid": one.pid,
                "transaction_seconds": seconds,
                "xmin_age": one.xmin_age,
                "dead_rows": round(dead.rows),
                "vacuumed_in_vain": len(in_vain),
            },
            level=Level.critical if in_vain and seconds >= 12 * min_seconds else Level.warning,
        )
