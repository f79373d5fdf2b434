"""pg.autovacuum-cancelled"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural


@check("pg.autovacuum-cancelled", tags=("log",))
def autovacuum_cancelled(digest: Digest, *, min_cancelled: int = 3) -> Iterator[Finding]:
    """Autovacuum gives way to other sessions' locks and does not get done.

    Why: Dead rows stay, the table grows, and its statistics age.

    Mistaken when: It was done later, between two such locks.

    Remedy: Find what locks the table so often (ALTER TABLE, LOCK, TRUNCATE, CREATE INDEX without
    CONCURRENTLY, VACUUM by hand), and vacuum it at a time without that.
    """
    for name, one in digest.events.vacuums.relations.items():
        if one.cancelled < min_cancelled or one.cancelled <= one.vacuums.count:
            continue
        yield Finding(
            subject=f"table {plain(name)}",
            message=(
                f"autovacuum was cancelled {plural(one.cancelled, 'time')} and completed "
                f"{plural(one.vacuums.count, 'time')}"
            ),
            evidence={"cancelled": one.cancelled, "completed": one.vacuums.count},
            remedy=Remedy("Vacuum it by hand when nothing locks it, and see who does."),
        )
