"""How many connections there are, of whom, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Group:
    """Client connections of one role to one database.

    Attributes:
        user, database: names.
        total: connections.
        idle: waiting for the client, outside a transaction.
        idle_in_transaction: waiting for the client within one.
        active: executing.
        hidden: of those, whose state this role may not see.
    """

    user: str
    database: str
    total: int
    idle: int = 0
    idle_in_transaction: int = 0
    active: int = 0
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """A role's or database's own CONNECTION LIMIT.

    Attributes:
        kind: ``role`` or ``database``.
        name: its name.
        limit: connections.
        used: connections now.
    """

    kind: str
    name: str
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Connections:
    """Client connections at one moment.

    Attributes:
        max_connections: the setting.
        reserved: superuser_reserved_connections and reserved_connections (16 and later) together.
        groups: by role and database, most first.
        limits: roles and databases that have a limit of their own.
    """

    max_connections: int
    reserved: int
    groups: tuple[Group, ...]
    limits: tuple[Limit, ...] = ()

    @property
    def used(self) -> int:
        """All client connections."""
        return sum(group.total for group in self.groups)


@fact("connections")
def connections(session: Session) -> Connections:
    """Who is connected. Least privilege: none; states of other roles need pg_read_all_stats."""
    limits = session.fact("connections_limits")
    return Connections(
        max_connections=limits[0]["max_connections"],
        reserved=limits[0]["reserved"],
        groups=tuple(Group(**row) for row in session.fact("connections_groups")),
        limits=tuple(
            Limit(row["kind"], row["name"], row["limit"], row["used"])
            for row in limits
            if row["kind"] is not None
        ),
    )
