"""A client keeps a server connection and asks nothing more of it."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Pools, Servers
from dbtune.text import ms_text, plural


@check("pgbouncer.connection-held", tags=("pools",))
def connection_held(
    servers: Servers, pools: Pools, *, min_seconds: float = 300
) -> Iterator[Finding]:
    """A client has a server connection of a transaction pool, and its last request is long ago.

    Why: Nobody else gets the connection meanwhile. Either one statement runs for so long, or a
    transaction was left open, which also keeps vacuum from its work and may hold locks.

    Mistaken when: It is a long report that is meant to run.

    Remedy: Look at the process on the server (dbtune activity); let idle_transaction_timeout, or
    PostgreSQL's idle_in_transaction_session_timeout, end what is left open.
    """
    by_session = {(one.database, one.user) for one in pools.pools if one.mode == "session"}
    long = [one for one in servers.lent if one.silent_seconds >= min_seconds]
    for who in dict.fromkeys((one.database, one.user) for one in long):
        if who in by_session:  # where a client keeps its connection anyhow
            continue
        theirs = [one for one in long if (one.database, one.user) == who]
        worst = max(theirs, key=lambda one: one.silent_seconds)
        yield Finding(
            f"pool of {worst.who}",
            f"{plural(len(theirs), 'server connection')} lent to clients that have asked nothing"
            f" new for {ms_text(min_seconds * 1000)} or more; the longest for"
            f" {ms_text(worst.silent_seconds * 1000)}: process {worst.pid} on the server, client"
            f" {worst.application or '(no application_name)'} at {worst.client or 'unknown'}",
            Remedy(
                f"See what process {worst.pid} is at: dbtune activity SERVER. A transaction that"
                " was left open ends by",
                config="idle_transaction_timeout = 60",
                effect="RELOAD",
            ),
            {
                "connections": len(theirs),
                "silent_seconds": worst.silent_seconds,
                "pid": worst.pid,
                "application": worst.application,
                "client": worst.client,
            },
        )
