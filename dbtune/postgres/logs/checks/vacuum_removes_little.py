"""pg.vacuum-removes-little"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import count_text, plain, plural


@check("pg.vacuum-removes-little", tags=("log",))
def vacuum_removes_little(
    digest: Digest, *, min_kept: int = 100_000, min_vacuums: int = 3, min_ratio: float = 2
) -> Iterator[Finding]:
    """Vacuum passes over dead rows that it may not remove yet.

    Why: Some transaction, replication slot or standby may still want to see them. Until it ends,
    each vacuum reads the table for nothing and the table grows.

    Mistaken when: A dump or a report ran during the time of the log, and is done.

    Remedy: Find who holds back the horizon: dbtune check has pg.xmin-held-back.
    """
    for name, one in digest.events.vacuums.relations.items():
        kept, removed = one.kept_dead, one.removed
        if kept < min_kept or one.vacuums.count < min_vacuums or kept < min_ratio * removed:
            continue
        yield Finding(
            subject=f"table {plain(name)}",
            message=(
                f"{plural(one.vacuums.count, 'vacuum')} met {count_text(kept)} dead rows that "
                f"could not be removed yet, and removed {count_text(removed)}"
            ),
            evidence={"kept_dead": kept, "removed": removed, "vacuums": one.vacuums.count},
            remedy=Remedy(
                "Find the oldest transaction, prepared transaction, replication slot or standby.",
                sql="SELECT pid, state, backend_xmin, xact_start, query FROM pg_stat_activity\n"
                "WHERE backend_xmin IS NOT NULL ORDER BY age(backend_xmin) DESC LIMIT 5;",
            ),
        )
