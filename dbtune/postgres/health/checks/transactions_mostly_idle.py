"""Transactions are idle for most of their time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import ms_text, ratio_text


@check("pg.transactions-mostly-idle", level=Level.info, tags=("transactions",))
def transactions_mostly_idle(
    databases: tuple[Database, ...], *, min_ms: float = 60_000, min_ratio: float = 0.7
) -> Iterator[Finding]:
    """Transactions are idle for most of their time.

    Why: A connection and its locks are held while the application does something else: pools
        run dry.

    Mistaken when: Sessions report when they end or begin to wait, so a short watch sees little.

    Remedy: Fetch over the network, compute and render before or after a transaction, not
        within.
    """
    for one in databases:
        idle, active = one.idle_in_transaction_ms or 0, one.active_ms or 0
        if idle < min_ms or idle < min_ratio * (idle + active):
            continue
        yield Finding(
            f"database {one.name}",
            f"{ratio_text(idle / (idle + active))} of the time in transactions was idle "
            f"({ms_text(idle)} of {ms_text(idle + active)})",
            Remedy("Make transactions hold nothing but statements; see the application's traces."),
            {"idle_in_transaction_ms": idle, "active_ms": active, "seconds": one.seconds},
        )
