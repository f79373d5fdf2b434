"""Connections are to be closed, and clients don't give them back."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Pools, Servers
from dbtune.text import ms_text, plural


@check("pgbouncer.close-pending", tags=("pools",))
def close_pending(servers: Servers, pools: Pools, *, min_seconds: float = 10) -> Iterator[Finding]:
    """Server connections are marked close_needed, and clients still have them.

    Why: After RECONNECT, a changed address or a failover these still go to the old server, with its
    settings, until the client's transaction ends; in a session pool until the client leaves.

    Mistaken when: RECONNECT was given a moment ago, and the transactions end soon.

    Remedy: End what holds them; or KILL of the database, then RESUME, which drops its clients.
    """
    by_session = {(one.database, one.user) for one in pools.pools if one.mode == "session"}
    stuck = [
        one
        for one in servers.lent
        if one.closing
        and (one.silent_seconds >= min_seconds or (one.database, one.user) in by_session)
    ]
    for who in dict.fromkeys((one.database, one.user) for one in stuck):
        theirs = [one for one in stuck if (one.database, one.user) == who]
        oldest = max(theirs, key=lambda one: one.silent_seconds)
        kind = "session" if who in by_session else "transaction"
        yield Finding(
            f"pool of {oldest.who}",
            f"{plural(len(theirs), 'server connection')} to be closed, which clients keep until"
            f" their {kind} ends; the longest without a request for"
            f" {ms_text(oldest.silent_seconds * 1000)}: process {oldest.pid}, client"
            f" {oldest.application or '(no application_name)'} at {oldest.client or 'unknown'}",
            Remedy("End what these clients are at, or restart them."),
            {
                "connections": len(theirs),
                "silent_seconds": oldest.silent_seconds,
                "pid": oldest.pid,
                "application": oldest.application,
                "client": oldest.client,
            },
        )
