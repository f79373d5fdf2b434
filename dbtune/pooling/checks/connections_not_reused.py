"""Connections are closed after a transaction or two."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.load import Load
from dbtune.text import count_text, ms_text


@check("pool.connections-not-reused", tags=("connections",))
def connections_not_reused(
    load: Load,
    *,
    min_sessions: float = 10,
    min_per_second: float = 1,
    most_transactions: float = 5,
    warning_ms_per_second: float = 50,
) -> Iterator[Finding]:
    """Connections are opened for a transaction or two and closed again.

    Why: A connection costs a process, a login and, with TLS, a handshake: milliseconds of CPU,
    often more than the transaction; and its caches are cold.

    Mistaken when: A batch of short-lived jobs has just run.

    Remedy: Keep connections in a pool in the application; where processes live for one request
    only, PgBouncer.
    """
    for one in load.work:
        if not one.sessions or not one.seconds or one.sessions < min_sessions:
            continue
        rate, each = one.sessions / one.seconds, one.transactions / one.sessions
        if rate < min_per_second or each > most_transactions:
            continue
        cost = None if load.connect_ms is None else rate * load.connect_ms
        takes = (
            "" if load.connect_ms is None else f", {ms_text(load.connect_ms)} each as dbtune saw"
        )
        yield Finding(
            f"database {one.database}",
            f"{count_text(rate)} connections a second, for {count_text(each)} transactions"
            f" each{takes}",
            Remedy("Keep connections in a pool: dbtune gen-config for its framework or pgbouncer."),
            {
                "sessions_per_second": rate,
                "transactions_per_session": each,
                "connect_ms": load.connect_ms,
                "connecting_ms_per_second": cost,
            },
            level=Level.warning if cost is None or cost >= warning_ms_per_second else Level.info,
        )
