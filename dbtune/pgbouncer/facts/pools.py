"""Pools: clients and servers in each, added up over several looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbtune.facts import samples
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import CONSOLE, Pool, Pools


def plus(one: Pools, other: Pools) -> Pools:
    """Both together."""
    return one.plus(other)


@samples("pools", plus)
def pools(session: Session) -> Pools:
    """One look at ``SHOW POOLS``."""
    return pools_of(session.show("POOLS"))


def pools_of(rows: Iterable[Mapping[str, Any]]) -> Pools:
    """From the rows of ``SHOW POOLS``, whichever columns this version has."""
    found = tuple(_pool(row) for row in rows if row["database"] != CONSOLE)
    return Pools(
        tuple(sorted(found, key=lambda one: (-one.servers_active, one.database, one.user))),
        (sum(one.servers_active for one in found),),
        (sum(one.clients_waiting for one in found),),
    )


def _pool(row: Mapping[str, Any]) -> Pool:
    # 1.18 counts servers that cancel apart; they are not free, but no client has them.
    lent = row["sv_active"]
    servers = sum(
        row.get(name) or 0
        for name in (
            *("sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used"),
            *("sv_tested", "sv_login"),
        )
    )
    waiting = row["cl_waiting"]
    ready = servers - row["sv_login"]
    return Pool(
        row["database"],
        row["user"] or "",
        row.get("pool_mode") or "",
        clients_active=row["cl_active"],
        clients_waiting=waiting,
        most_waiting=waiting,
        servers_active=lent,
        most_active=lent,
        servers_idle=row["sv_idle"] + row["sv_used"],
        servers_login=row["sv_login"],
        servers=servers,
        longest_wait_ms=row["maxwait"] * 1000 + (row.get("maxwait_us") or 0) / 1000,
        starved_looks=int(waiting > 0 and ready <= 0),
    )
