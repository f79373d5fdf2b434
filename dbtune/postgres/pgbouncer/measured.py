"""Which databases of a server an application uses, how much of the load each has, and whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dbtune.postgres.facts.connections import Connections
from dbtune.postgres.facts.databases import Database as Counted

_OF_SERVICES = frozenset(
    {"", "template0", "template1", "rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys"}
)
_LEAST_SHARE = 0.001
"""A database with less of the load has none, unless somebody is connected to it now."""


class Used(NamedTuple):
    """What was found.

    Attributes:
        shares: part of the load by database, most first; sums to about 1.
        by: what the load was taken from.
        users: the most roles that are connected to one of them now; at least 1.
    """

    shares: dict[str, float]
    by: str
    users: int


def used_databases(
    databases: Sequence[Counted], connections: Connections | None, own: tuple[str, str] = ("", "")
) -> Used:
    """Databases by the time that their transactions held connections, since statistics began.

    PostgreSQL 13 does not count that time; there, and where it is nought, it is by transactions.

    Args:
        databases: counters of each.
        connections: who is connected now, if known.
        own: role and database of the session that looks, which does not count.
    """
    theirs = [one for one in databases if one.name not in _OF_SERVICES]
    held = {
        one.name: (one.active_ms or 0.0) + (one.idle_in_transaction_ms or 0.0) for one in theirs
    }
    by = "time in transactions"
    if sum(held.values()) <= 0:
        held, by = {one.name: one.commits + one.rollbacks for one in theirs}, "transactions"
    groups = connections.groups if connections else ()
    roles: dict[str, set[str]] = {}
    for group in groups:
        if group.total > ((group.user, group.database) == own):
            roles.setdefault(group.database, set()).add(group.user)
    total = sum(held.values()) or 1.0
    ranked = sorted(held.items(), key=lambda one: (-one[1], one[0]))
    # The smallest share that counts, so that a database nobody has used yet has a pool, too.
    shares = {
        name: max(value / total, _LEAST_SHARE)
        for name, value in ranked
        if value / total >= _LEAST_SHARE or name in roles
    }
    if len(shares) > 1 and "postgres" in shares and "postgres" not in roles:
        del shares["postgres"]  # monitoring's and people's
    return Used(shares, by, max((len(roles[name]) for name in shares if name in roles), default=1))
