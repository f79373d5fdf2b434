"""Connections are held by transactions that wait for each other's locks."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.limits import turns_cap
from dbtune.pooling.load import Load
from dbtune.pooling.measured import contended_of
from dbtune.text import count_text, ratio_text


@check("pool.held-by-locks", tags=("locks",))
def held_by_locks(
    load: Load, *, min_connections: float = 1, min_ratio: float = 0.2
) -> Iterator[Finding]:
    """Much of the time that connections are held, they wait for another transaction's lock.

    Why: More connections only make the queue for the lock longer: throughput falls, since each that
    waits is woken to look, and waits move from the pool, where they are cheap, into the database.

    Mistaken when: A migration or a batch held a lock just now.

    Remedy: Shorten what holds the lock: do the contended update last in its transaction, lock rows
    in one order, spread a hot row over several. Don't enlarge the pool. Where sessions take turns
    at the lock, a small pool of their own keeps it as busy, and others don't wait behind them.
    """
    whole = load.whole
    if not load.sampled or not whole.held or whole.lock < min_ratio * whole.held:
        return
    waiting = whole.lock / load.count
    if waiting < min_connections:
        return
    worst = max(load.uses, key=lambda one: one.lock)
    contended = contended_of(load)
    turns = None if contended is None else turns_cap(contended)
    if turns is not None and turns >= whole.held / load.count:
        turns = None  # they are few enough
    few = "" if turns is None else f"; {turns} keep it as busy, since they take turns"
    own = (
        ""
        if turns is None
        else f" Until then, give them a pool of {turns} of their own: a user or a database of"
        " PgBouncer's; or let all have no more, if all of them need the lock."
    )
    yield Finding(
        "connections",
        f"{count_text(waiting)} of {count_text(whole.held / load.count)} held connections"
        f" ({ratio_text(whole.lock / whole.held)}) wait for a lock, most of {worst.who}{few}",
        Remedy(
            "See who waits for whom: dbtune activity; then shorten the transactions that hold the"
            f" lock.{own}"
        ),
        {
            "lock_connections": waiting,
            "held_connections": whole.held / load.count,
            "lock_ratio": whole.lock / whole.held,
            "turns_connections": turns,
        },
    )
