"""An application keeps far more connections to PgBouncer than it uses."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.pooler import PoolerLoad
from dbtune.text import ratio_text


@check("pool.clients-unused", level=Level.info, confidence=Confidence.measured, tags=("pools",))
def clients_unused(
    pooler: PoolerLoad, *, min_clients: int = 20, min_unused_ratio: float = 0.8
) -> Iterator[Finding]:
    """Most of an application's connections to PgBouncer have asked for nothing for a minute.

    Why: Each counts against max_client_conn, and each of a pool that is too large, or leaks, lets
    one more request into the queue at once when the database is slow.

    Mistaken when: It is a quiet time of the day.

    Remedy: Make the application's own pool smaller (dbtune gen-config with the framework's name
    derives its size), and let it close what is idle; where clients are never closed at all, look
    for the leak.
    """
    limit = pooler.bouncer.number("max_client_conn")
    for one in pooler.applications:
        if one.clients < min_clients or one.unused < min_unused_ratio * one.clients:
            continue
        room = f" max_client_conn is {limit:,.0f}." if limit else ""
        yield Finding(
            f"clients of {one.who}",
            f"{one.unused:,} of {one.clients:,} connections to PgBouncer"
            f" ({ratio_text(one.unused / one.clients)}) have asked for nothing for a minute",
            Remedy(
                "Make the application's pool smaller, and let it close idle connections:"
                f" dbtune gen-config derives both.{room}"
            ),
            {
                "clients": one.clients,
                "unused_clients": one.unused,
                "longest_idle_seconds": one.longest_idle_seconds,
            },
        )
