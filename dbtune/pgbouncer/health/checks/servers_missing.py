"""Clients wait, and PgBouncer has no server connection for them."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.pooler import Pools
from dbtune.text import ms_text, plural


@check("pgbouncer.servers-missing", level=Level.critical, tags=("pools",))
def servers_missing(
    pools: Pools, *, min_wait_ms: float = 2000, min_looks: int = 10
) -> Iterator[Finding]:
    """Clients wait, and not one server connection is there: PgBouncer can't log in, most likely.

    Why: The pool does no work at all. PgBouncer tries again every server_login_retry; meanwhile
    clients hang, and then fail.

    Mistaken when: PgBouncer was started a moment ago, or the server restarts.

    Remedy: Its log says why the login fails: address, password (userlist.txt, auth_query),
    pg_hba.conf, or no connection left on the server.
    """
    for one in pools.pools:
        if not one.starved_looks or one.starved_looks < pools.count:
            continue
        # Of a client that logs in itself PgBouncer tells no wait: then it takes several looks.
        if one.longest_wait_ms < min_wait_ms and pools.count < min_looks:
            continue
        waited = ms_text(one.longest_wait_ms)
        lasted = f", the longest for {waited}" if one.longest_wait_ms else ", not logged in yet"
        yield Finding(
            f"pool of {one.who}",
            f"{plural(one.most_waiting, 'client')} waiting{lasted}, and no server connection is"
            " open",
            Remedy("Look into PgBouncer's log for the reason; try the login with psql from there."),
            {
                "waiting_clients": one.most_waiting,
                "longest_wait_ms": one.longest_wait_ms,
                "logging_in": one.servers_login / pools.count,
            },
        )
