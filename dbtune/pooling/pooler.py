"""What a PgBouncer tells of its pools: facts that need no connection to understand.

What fills them is :mod:`dbtune.pgbouncer.facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dbtune.finding import Skipped

CONSOLE = "pgbouncer"
"""The database that is the admin console; its own pool is nobody's."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool: a database and a user. Counts are added up over all looks.

    Attributes:
        database, user: whose.
        mode: ``session``, ``transaction`` or ``statement``.
        clients_active: clients that have a server, or have nothing to do.
        clients_waiting: clients that wait for a server.
        most_waiting: in one look.
        servers_active: server connections that a client has.
        most_active: in one look.
        servers_idle: free ones.
        servers_login: being opened.
        servers: all of them.
        longest_wait_ms: of a client that was waiting, the longest.
        starved_looks: looks in which clients waited and no server was there, free or lent.
    """

    database: str
    user: str
    mode: str = ""
    clients_active: int = 0
    clients_waiting: int = 0
    most_waiting: int = 0
    servers_active: int = 0
    most_active: int = 0
    servers_idle: int = 0
    servers_login: int = 0
    servers: int = 0
    longest_wait_ms: float = 0.0
    starved_looks: int = 0

    @property
    def who(self) -> str:
        """For messages."""
        return f"{self.user} in {self.database}"

    def plus(self, later: Pool) -> Pool:
        """Both looks together."""
        summed = (
            *("clients_active", "clients_waiting", "servers_active", "servers_idle"),
            *("servers_login", "servers", "starved_looks"),
        )
        largest = ("most_waiting", "most_active", "longest_wait_ms")
        return replace(
            later,
            **{name: getattr(self, name) + getattr(later, name) for name in summed},
            **{name: max(getattr(self, name), getattr(later, name)) for name in largest},
        )


@dataclass(frozen=True, slots=True)
class Pools:
    """All pools but the console's, look by look.

    Attributes:
        pools: each, over all looks; most active first.
        active: server connections that clients have, at each look.
        waiting: clients that wait, at each look.
        every_seconds: between two looks, on average; 0 if not known.
    """

    pools: tuple[Pool, ...] = ()
    active: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    every_seconds: float = 0.0

    @property
    def count(self) -> int:
        """How often was looked."""
        return len(self.active)

    def plus(self, later: Pools) -> Pools:
        """Both together."""
        known = {(one.database, one.user): one for one in self.pools}
        for one in later.pools:
            key = one.database, one.user
            known[key] = known[key].plus(one) if key in known else one
        ordered = sorted(
            known.values(), key=lambda one: (-one.servers_active, one.database, one.user)
        )
        return Pools(tuple(ordered), (*self.active, *later.active), (*self.waiting, *later.waiting))


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went through for one database.

    PgBouncer's time of a transaction begins when the client sends it, so it contains the wait for
    a server connection; what is left without is the time that one was held.

    Attributes:
        database: its name.
        at: when it was read, by the clock here.
        transactions, queries: so far, or in the interval.
        transaction_ms: their time, waits included.
        wait_ms: of that, waiting for a server connection.
        logins: of clients; ``None`` before 1.24.
        recent_per_second: transactions, over the last ``stats_period`` (60 s).
        seconds: of the interval; ``None`` for all since PgBouncer started.
    """

    database: str
    at: datetime
    transactions: float
    queries: float
    transaction_ms: float
    wait_ms: float
    logins: float | None = None
    recent_per_second: float | None = None
    seconds: float | None = None

    @property
    def held_ms(self) -> float:
        """Time that server connections were held."""
        return max(0.0, self.transaction_ms - self.wait_ms)


@dataclass(frozen=True, slots=True)
class Entry:
    """A database as it is configured.

    Attributes:
        name: what clients call it.
        host, port, dbname: where it is; ``host`` is "" for a local socket.
        pool_size, min_pool_size, reserve_pool_size: for each of its users.
        mode: its own pool_mode, or "".
        max_connections: of it, of all users together; 0 is no limit.
        connections: server connections now.
        paused, disabled: by an administrator.
    """

    name: str
    host: str
    port: int
    dbname: str
    pool_size: int
    min_pool_size: int = 0
    reserve_pool_size: int = 0
    mode: str = ""
    max_connections: int = 0
    connections: int = 0
    paused: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """Clients of one application, at one look.

    Attributes:
        database, user, name: whose; the name is its ``application_name``.
        clients: connections to PgBouncer.
        served: of these, that have a server connection.
        waiting: that wait for one.
        unused: that have asked for nothing for a minute.
        longest_idle_seconds: since the last request of the one that is idle for longest.
        most_prepared: statements that one of them has prepared; ``None`` before 1.21.
    """

    database: str
    user: str
    name: str
    clients: int = 0
    served: int = 0
    waiting: int = 0
    unused: int = 0
    longest_idle_seconds: float = 0.0
    most_prepared: int | None = None

    @property
    def who(self) -> str:
        """For messages."""
        return f"{self.name or '(no application_name)'}, {self.user} in {self.database}"


@dataclass(frozen=True, slots=True)
class Lent:
    """A server connection that a client has.

    Attributes:
        database, user: whose pool it is of.
        pid: of its process on the server.
        application, client: who has it: ``application_name``, and address with port.
        connected_seconds: its age.
        silent_seconds: since the client's last request: a statement has run for so long, or a
            transaction has been left open.
        closing: it is closed as soon as it is free.
    """

    database: str
    user: str
    pid: int
    application: str = ""
    client: str = ""
    connected_seconds: float = 0.0
    silent_seconds: float = 0.0
    closing: bool = False

    @property
    def who(self) -> str:
        """For messages."""
        return f"{self.user} in {self.database}"


@dataclass(frozen=True, slots=True)
class Servers:
    """PgBouncer's connections to servers, at one look.

    Attributes:
        at: when, by PgBouncer's clock.
        ages_seconds: since each was opened.
        lent: those that clients have: the ones to be closed first, then the most silent; bounded.
        before: how many there were at an earlier look; 0 if there was none.
        kept: how many of these are still there.
        seconds: between the two looks.
    """

    at: datetime
    ages_seconds: tuple[float, ...] = ()
    lent: tuple[Lent, ...] = ()
    before: int = 0
    kept: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Bouncer:
    """PgBouncer itself.

    Attributes:
        version: three numbers; (0, 0, 0) if it does not tell.
        settings: those that pools depend on, by name.
        clients: connected now, those included that log in.
        server_connections: open now.
    """

    version: tuple[int, int, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    clients: int = 0
    server_connections: int = 0

    @property
    def version_text(self) -> str:
        """``1.25.2``."""
        return ".".join(map(str, self.version))

    def number(self, name: str) -> float | None:
        """A setting that is a number; ``None`` if this version has it not."""
        try:
            return float(self.settings[name])
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class PoolerLoad:
    """What was observed of a PgBouncer.

    Attributes:
        bouncer: itself.
        pools: look by look.
        traffic: by database, in the interval, or since its start if ``seconds`` is 0.
        databases: as configured.
        seconds: observed time; 0 is one look.
        applications: its clients, at one look.
        skipped: what could not be observed, and why.
    """

    bouncer: Bouncer
    pools: Pools
    traffic: tuple[Traffic, ...]
    databases: tuple[Entry, ...]
    seconds: float = 0.0
    applications: tuple[Application, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def size_of(self, pool: Pool) -> int | None:
        """The configured size of a pool."""
        found = (one.pool_size for one in self.databases if one.name == pool.database)
        default = self.bouncer.number("default_pool_size")
        return next(found, None if default is None else int(default))

    def traffic_of(self, pool: Pool) -> Traffic | None:
        """What went through for the pool's database: of all its users."""
        return next((one for one in self.traffic if one.database == pool.database), None)
