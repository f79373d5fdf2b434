"""Connections are held by transactions that wait for each other's locks."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.load import Load
from dbtune.text import count_text, ratio_text


@check("pool.held-by-locks", tags=("locks",))
def held_by_locks(
    load: Load, *, min_connections: float = 1, min_ratio: float = 0.2
) -> Iterator[Finding]:
    """Much of the time that connections are held, they wait for another transaction's lock.

    Why: more connections only make the queue for the lock longer: throughput stays and waits grow,
    and they move from the pool, where they are cheap, into the database.

    Mistaken when: a migration or a batch held a lock just now.

    Remedy: shorten what holds the lock: do the contended update last in its transaction, lock rows
    in one order, spread a hot row over several. Leave the pool as it is.
    """
    whole = load.whole
    if not load.sampled or not whole.held or whole.lock < min_ratio * whole.held:
        return
    waiting = whole.lock / load.count
    if waiting < min_connections:
        return
    worst = max(load.uses, key=lambda one: one.lock)
    yield Finding(
        "connections",
        f"{count_text(waiting)} of {count_text(whole.held / load.count)} held connections"
        f" ({ratio_text(whole.lock / whole.held)}) wait for a lock, most of {worst.who}",
        Remedy(
            "See who waits for whom: dbtune activity; then shorten the transactions that hold the"
            " lock."
        ),
        {
            "lock_connections": waiting,
            "held_connections": whole.held / load.count,
            "lock_ratio": whole.lock / whole.held,
        },
    )
