"""Connections are held by transactions that wait for their client."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.load import Load
from dbtune.text import count_text, ratio_text


@check("pool.held-by-clients", tags=("transactions",))
def held_by_clients(
    load: Load, *, min_connections: float = 1, min_ratio: float = 0.3
) -> Iterator[Finding]:
    """An application's transactions hold connections while they wait for the application.

    Why: Such a connection serves nobody else, so the pool has to be so much larger; locks stay, and
    VACUUM has to spare what the transaction might see.

    Mistaken when: The client sends or fetches a lot (COPY, large results), or the look fell on a
    batch that computes on purpose within a transaction.

    Remedy: Call other services, compute and render before or after a transaction, not within; begin
    it at its first statement.
    """
    for one in load.uses if load.sampled else ():
        if not one.held or one.client < min_ratio * one.held:
            continue
        waiting = one.client / load.count
        if waiting - one.stuck < min_connections:  # those are pool.transaction-left-open
            continue
        share = one.client / one.held
        yield Finding(
            one.who,
            f"{ratio_text(share)} of the time in which connections are held, the client is awaited:"
            f" {count_text(waiting)} of {count_text(one.held / load.count)} connections",
            Remedy(
                "Keep transactions short; a limit ends those that are forgotten.",
                sql="ALTER SYSTEM SET idle_in_transaction_session_timeout = '1min';\n"
                "SELECT pg_reload_conf();",
                effect="longer idle transactions are rolled back and their sessions end",
            ),
            {
                "client_ratio": share,
                "client_connections": waiting,
                "held_connections": one.held / load.count,
                "longest_ms": one.idle_in_transaction_ms,
            },
        )
