"""Clients wait for PgBouncer's connections while those wait for locks or for clients."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.load import Load
from dbtune.pooling.pooler import PoolerLoad
from dbtune.text import count_text, ratio_text


@check("pool.queue-behind-blocked", tags=("locks", "transactions"))
def queue_behind_blocked(
    load: Load, pooler: PoolerLoad, *, min_waiting: float = 1, min_ratio: float = 0.3
) -> Iterator[Finding]:
    """Clients wait for a connection while those that are lent do nothing but wait.

    Why: The pool looks too small and is not: more connections would wait for the same locks, or sit
    in the same idle transactions.

    Mistaken when: Those that wait are other applications, which do not come through this PgBouncer.

    Remedy: Shorten the transactions first; then look whether anybody still waits.
    """
    if not pooler.pools.count or not load.sampled or not load.whole.held:
        return
    waiting = sum(pooler.pools.waiting) / pooler.pools.count
    whole = load.whole
    blocked = {"locks": whole.lock / whole.held, "their client": whole.client / whole.held}
    if waiting < min_waiting or sum(blocked.values()) < min_ratio:
        return
    parts = ", ".join(f"{ratio_text(share)} for {what}" for what, share in blocked.items() if share)
    yield Finding(
        "PgBouncer's queue",
        f"{count_text(waiting)} clients wait for a connection, while those that are held wait:"
        f" {parts} of their time",
        Remedy("Shorten the transactions: dbtune activity shows who waits for whom."),
        {
            "waiting_clients": waiting,
            "lock_ratio": blocked["locks"],
            "client_ratio": blocked["their client"],
        },
    )
