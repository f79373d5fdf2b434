"""Sessions end because their client vanished."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database


@check("pg.sessions-lost", level=Level.info, tags=("connections",))
def sessions_lost(
    databases: tuple[Database, ...], *, min_lost: float = 20, min_ratio: float = 0.05
) -> Iterator[Finding]:
    """Sessions end because their client vanished.

    Why: Their transactions are rolled back, often after the client's time limit: work for
        nothing.

    Mistaken when: Laptops, and clients that leave without a word (they need no answer).

    Remedy: Compare the application's time limits with what statements take; TCP keepalives
        against firewalls.
    """
    for one in databases:
        lost, begun = one.sessions_abandoned or 0, one.sessions or 0
        if lost < min_lost or lost < min_ratio * begun:
            continue
        yield Finding(
            f"database {one.name}",
            f"{lost:,.0f} of {begun:,.0f} sessions lost their client",
            Remedy("Look for time limits of clients, proxies and firewalls that are too short."),
            {"sessions_abandoned": lost, "sessions": begun, "seconds": one.seconds},
        )
