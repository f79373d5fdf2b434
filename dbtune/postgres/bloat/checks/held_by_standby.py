"""pg.dead-rows-held-by-standby"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.bloat.checks import dead_rows, in_tables
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.facts.replication import Replication


@check("pg.dead-rows-held-by-standby", tags=("bloat", "vacuum", "replication"))
def held_by_standby(
    bloat: Bloat,
    replication: Replication,
    *,
    min_xids: int = 10_000,
    min_dead_rows: int = 10_000,
) -> Iterator[Finding]:
    """A query on a standby keeps VACUUM here from removing what died since it began.

    Why: With hot_standby_feedback the standby's oldest query counts as one of the primary's.

    Mistaken when: The query is a report that is known and ends soon.

    Remedy: End the query on the standby, or set hot_standby_feedback = off there with a
        max_standby_streaming_delay that lets queries end.
    """
    dead = dead_rows(bloat)
    if dead.rows < min_dead_rows:
        return
    for one in replication.standbys:
        if one.xmin_age is None or one.xmin_age < min_xids:
            continue
        where = f" at {one.client}" if one.client else ""
        yield Finding(
            f"standby {one.application}{where}",
            f"its oldest query is {one.xmin_age:,} transactions old: {dead.rows:,.0f} dead rows "
            f"{in_tables(dead, bloat)} stay for it",
            Remedy(
                "On the standby: look for the oldest query, and end it.",
                sql="SELECT pid, usename, now() - xact_start AS since, left(query, 80)\n"
                "FROM pg_stat_activity WHERE backend_xmin IS NOT NULL\n"
                "ORDER BY age(backend_xmin) DESC;",
            ),
            {"xmin_age": one.xmin_age, "dead_rows": round(dead.rows)},
        )
    replication.require_standbys()
