"""Transactions wait for a connection for longer than they hold one."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Traffic
from dbtune.text import ms_text


@check("pgbouncer.waits-outweigh-work", tags=("pools",))
def waits_outweigh_work(
    traffic: tuple[Traffic, ...],
    *,
    min_transactions: float = 100,
    min_wait_ms: float = 5,
    min_ratio: float = 0.5,
) -> Iterator[Finding]:
    """Transactions wait for a connection for a good part of the time that they take.

    Why: Clients see the sum. (PgBouncer's avg_xact_time contains the wait, so a slow pool looks
    like a slow database.)

    Mistaken when: It counts since PgBouncer was started, and a bad hour is long over: give
    --interval.

    Remedy: dbtune pool-size on this console, with the server beside it, tells whether the pool is
    too small or the transactions too long.
    """
    for one in traffic:
        if one.transactions < min_transactions:
            continue
        wait, held = one.wait_ms / one.transactions, one.held_ms / one.transactions
        if wait < min_wait_ms or wait < min_ratio * held:
            continue
        yield Finding(
            f"database {one.database}",
            f"a transaction waits {ms_text(wait)} for a connection and holds it {ms_text(held)}",
            Remedy("dbtune pool-size SERVER --pgbouncer CONSOLE"),
            {
                "wait_mean_ms": wait,
                "held_mean_ms": held,
                "transactions": one.transactions,
                "seconds": one.seconds,
            },
        )
