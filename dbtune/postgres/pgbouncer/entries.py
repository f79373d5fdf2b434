"""The entries of ``[databases]`` with their sizes, and the proof that the servers can hold them.

Every database has an entry for the application. Beside it there may be one for reads on replicas,
one for reports and one for administration: pools of their own, so that none waits for another. What
an entry opens at most is ``max_db_connections``, which no user and no reserve can pass; so the sum
of these is the most that PgBouncer ever opens on a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs, round_up
from dbtune.pooling.model import RESERVE_SHARE, PoolPlan, derive
from dbtune.pooling.report import no_size
from dbtune.pooling.report import report as report_on
from dbtune.pooling.shares import split
from dbtune.postgres.pgbouncer.pooler import AUTH_ENTRY, Database, Pooler, check_name, key
from dbtune.text import plain

AUTH_CONNECTIONS = 2
"""Server connections for looking up passwords: a short query for each login."""
_NEEDS = "a pool size needs --cpus, or --rps with --hold-time; dbtune pool-size explains"

Server = tuple[str, int]
"""Host and port."""


class Purpose(StrEnum):
    """Whom an entry is for, and what its name ends in."""

    application = ""
    reads = "_ro"
    reports = "_report"
    admin = "_admin"
    lookup = "lookup"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``[databases]``.

    Attributes:
        name: what clients ask for.
        purpose: whom it is for.
        hosts: where its connections go, in turn.
        port: of each.
        dbname: the database's name there.
        size: server connections of each pool.
        reserve: further ones of each pool.
        cap: most server connections of all its pools together.
        formula: how the size came about.
    """

    name: str
    purpose: Purpose
    hosts: tuple[str, ...]
    port: int
    dbname: str
    size: int
    reserve: int
    cap: int
    formula: str

    @property
    def session(self) -> bool:
        """Whether a client keeps its connection until it leaves."""
        return self.purpose in (Purpose.reports, Purpose.admin)


@dataclass(frozen=True, slots=True)
class Room:
    """What one server has to hold.

    Attributes:
        server: host and port.
        entries: those that open connections there.
        poolers: PgBouncers that do so.
        most: what they can open together.
        allowed: what the server has for them; ``None`` if its max_connections are not known.
        reserved: of max_connections, for superusers and reserved_connections.
        others: of max_connections, for what does not come through PgBouncer, and is no lookup.
    """

    server: Server
    entries: tuple[Entry, ...]
    poolers: int
    most: int
    allowed: int | None
    reserved: int
    others: int

    @property
    def text(self) -> str:
        """The sum in words."""
        host, port = self.server
        where = plain(host) if host.startswith("/") else f"{plain(host)}:{port}"
        parts = " + ".join(f"{one.cap} {plain(one.name)}" for one in self.entries)
        times = f"{self.poolers} * ({parts})" if self.poolers > 1 else parts
        text = f"Server connections on {where}, at most: {times} = {self.most}"
        if self.allowed is None:
            return f"{text}; max_connections there is not known and must be at least {self.needed}."
        total = self.allowed + self.reserved + self.others
        return (
            f"{text}, not over {total} max_connections - {self.reserved} reserved"
            f" - {self.others} for others = {self.allowed}."
        )

    @property
    def needed(self) -> int:
        """The smallest ``max_connections`` that hold all this."""
        return self.most + self.reserved + self.others


@dataclass(frozen=True, slots=True)
class Layout:
    """All entries, and the plan that most of them follow.

    Attributes:
        plan: of the server with the largest part of the load; its size is the default.
        default: the sizes of entries that say none.
        entries: in the order of the file.
        rooms: by server, in the order in which they are named.
        clients: ``max_client_conn``; ``None`` if the application's connections are not known.
    """

    plan: PoolPlan
    default: Entry
    entries: tuple[Entry, ...]
    rooms: tuple[Room, ...]
    clients: int | None


def layout(inputs: PoolInputs, pooler: Pooler) -> Layout:
    """Sizes for every entry; the plan of each server is for its part of the load.

    Raises:
        UsageError: no size works, or a server can't hold the sum.
    """
    whole = sum(one.share for one in pooler.databases)
    groups: dict[Server, list[Database]] = {}
    for one in pooler.databases:
        groups.setdefault((one.host, one.port), []).append(one)
    plans: list[tuple[float, PoolPlan]] = []
    entries: list[Entry] = []
    for group in groups.values():
        share = sum(one.share for one in group) / whole
        plan, sized = _on_primary(inputs, pooler, group, share)
        plans.append((share, plan))
        entries += sized
    clients = [plan.max_client_conn for _, plan in plans]
    for same in _by_replicas(pooler.databases):
        share = sum(one.share for one in same) / whole * pooler.read_share
        entries += _on_replicas(inputs, pooler, same, share)
    if pooler.shares_auth:
        first = pooler.databases[0]
        place = (first.host,), first.port, first.server_name
        why = f"{AUTH_CONNECTIONS} connections, which count among those kept for others"
        entries.append(
            Entry(AUTH_ENTRY, Purpose.lookup, *place, AUTH_CONNECTIONS, 0, AUTH_CONNECTIONS, why)
        )
    _, main = max(plans, key=lambda one: one[0])
    order = {one.name: place for place, one in enumerate(pooler.databases)}
    entries.sort(key=lambda one: order.get(_plain_name(one, order), len(order)))
    _refuse_names(entries, pooler)
    rooms = tuple(_rooms(entries, inputs))
    known = [number for number in clients if number is not None]
    many = sum(known) if len(known) == len(clients) else None
    default = replace(entries[0], size=main.pool_size or 1, reserve=main.reserve_pool_size or 0)
    default = replace(default, cap=_cap(default.size + default.reserve, main, pooler))
    return Layout(main, default, tuple(entries), rooms, many)


def _refuse_names(entries: Sequence[Entry], pooler: Pooler) -> None:
    """Names that an entry makes of a database's must be possible, and free."""
    seen: set[str] = set()
    for one in entries:
        if one.name in seen:
            raise UsageError(
                f"the database name {plain(one.name)!r} is also that of another's pool apart:"
                " give one of them another name"
            )
        seen.add(one.name)
        check_name(one.name, "database name")
        key(one.name, pooler.version)


def _plain_name(entry: Entry, order: dict[str, int]) -> str:
    if entry.purpose is Purpose.lookup or entry.name in order:
        return entry.name
    return entry.name.removesuffix(entry.purpose.value)


def _on_primary(
    inputs: PoolInputs, pooler: Pooler, group: Sequence[Database], share: float
) -> tuple[PoolPlan, list[Entry]]:
    apart: list[Entry] = []
    for one in group:
        if pooler.admin:
            apart.append(_apart(one, Purpose.admin, (one.host,), pooler))
        if pooler.reports and not one.replicas:
            apart.append(_apart(one, Purpose.reports, (one.host,), pooler))
    plan = _plan(inputs, pooler, len(group), share, 1, apart)
    hosts = (group[0].host,)
    return plan, [*_sized(plan, pooler, group, hosts, Purpose.application), *apart]


def _on_replicas(
    inputs: PoolInputs, pooler: Pooler, group: Sequence[Database], share: float
) -> list[Entry]:
    apart = [_apart(one, Purpose.reports, one.replicas, pooler) for one in group if pooler.reports]
    fewest = min(len(one.replicas) for one in group)
    plan = _plan(inputs, pooler, len(group), share, fewest, apart)
    entries = [
        entry
        for one in group
        for entry in _sized(plan, pooler, group, one.replicas, Purpose.reads)
        if entry.name == one.name + Purpose.reads.value
    ]
    return [*entries, *apart]


def _by_replicas(databases: Sequence[Database]) -> list[list[Database]]:
    """Databases whose reads can meet on a server."""
    groups: list[list[Database]] = []
    for one in databases:
        if not one.replicas:
            continue
        mine = {(host, one.port) for host in one.replicas}
        meeting = [
            group
            for group in groups
            if any(mine & {(host, other.port) for host in other.replicas} for other in group)
        ]
        groups = [group for group in groups if group not in meeting]
        groups.append([other for group in meeting for other in group] + [one])
    return groups


def _plan(
    inputs: PoolInputs,
    pooler: Pooler,
    databases: int,
    share: float,
    hosts: int,
    apart: Sequence[Entry],
) -> PoolPlan:
    """The plan of one server, or of several that take turns."""
    lookups = AUTH_CONNECTIONS * (1 if pooler.shares_auth else databases) * inputs.poolers
    held = sum(one.cap for one in apart) * inputs.poolers
    held += lookups - _covered(lookups, inputs)
    origin = f"{inputs.other_connections} + {held} of PgBouncer's other pools"
    origins = {**inputs.origins, "other_connections": origin} if held else inputs.origins
    rate = inputs.requests_per_second
    its = replace(
        inputs,
        databases=databases,
        requests_per_second=None if rate is None else rate * share / hosts,
        other_connections=inputs.other_connections + held,
        origins=origins,
    )
    plan = derive(its)
    if plan.pool_size is None:
        raise UsageError(no_size(report_on(plan, command="gen-config pgbouncer"), _NEEDS))
    return plan


def _covered(lookups: int, inputs: PoolInputs) -> int:
    """Lookups that the connections kept for others have room for."""
    return min(lookups, inputs.other_connections)


def _apart(database: Database, purpose: Purpose, hosts: tuple[str, ...], pooler: Pooler) -> Entry:
    size = pooler.admin if purpose is Purpose.admin else pooler.reports
    cap = size + (0 if pooler.shares_auth else AUTH_CONNECTIONS)
    option = "--admin" if purpose is Purpose.admin else "--reports"
    return Entry(
        database.name + purpose.value,
        purpose,
        hosts,
        database.port,
        database.server_name,
        size,
        0,
        cap,
        f"{size}: {option}",
    )


def _sized(
    plan: PoolPlan,
    pooler: Pooler,
    group: Sequence[Database],
    hosts: tuple[str, ...],
    purpose: Purpose,
) -> Iterator[Entry]:
    assert plan.pool_size is not None
    most = len(group) * plan.pool_size
    sizes = split(plan, [one.share for one in group])
    room = plan.limits.usable // (plan.inputs.poolers * plan.inputs.users) if plan.limits else None
    # Connections go to the hosts in turn, but nothing keeps them apart: all could be on one.
    turns = len(hosts) if room is None else max(1, min(len(hosts), room // max(1, sum(sizes))))
    sizes = [size * turns for size in sizes]
    left = None if room is None else max(0, room - sum(sizes)) // len(group)
    even = len({one.share for one in group}) == 1 and turns == 1
    for one, size in zip(group, sizes, strict=True):
        reserve = plan.reserve_pool_size or 0
        if not even:
            reserve = round_up(RESERVE_SHARE * size)
            reserve = reserve if left is None else min(reserve, left)
        yield Entry(
            one.name + purpose.value,
            purpose,
            hosts,
            one.port,
            one.server_name,
            size,
            reserve,
            _cap(size + reserve, plan, pooler),
            _why(plan, one, group, size, most, turns),
        )


def _cap(size: int, plan: PoolPlan, pooler: Pooler) -> int:
    return plan.inputs.users * size + (0 if pooler.shares_auth else AUTH_CONNECTIONS)


def _why(
    plan: PoolPlan, one: Database, group: Sequence[Database], size: int, most: int, turns: int
) -> str:
    times = f" * {turns} servers" if turns > 1 else ""
    if len({other.share for other in group}) == 1:
        return f"{size} = {plan.pool_size}{times}" if times else f"{size}, as planned"
    part = one.share / sum(other.share for other in group)
    staffed = "its load + a share of the rest by the root of it" if plan.demand else "by share"
    return f"{size} of {most}{times} for {part:.3g} of the load: {staffed}"


def _rooms(entries: Sequence[Entry], inputs: PoolInputs) -> Iterator[Room]:
    """The sum for every server, proven.

    Raises:
        UsageError: a server can't hold it.
    """
    servers = {(host, one.port): None for one in entries for host in one.hosts}
    reserved = inputs.superuser_reserved + inputs.reserved_connections
    total = inputs.max_connections
    for server in servers:
        here = tuple(one for one in entries if server in {(host, one.port) for host in one.hosts})
        most = inputs.poolers * sum(one.cap for one in here)
        lookups = inputs.poolers * sum(_lookups(one, entries) for one in here)
        others = inputs.other_connections - _covered(lookups, inputs)
        allowed = None if total is None else total - reserved - others
        room = Room(server, here, inputs.poolers, most, allowed, reserved, others)
        if allowed is not None and most > allowed:
            raise UsageError(
                f"{room.text.partition(', not over')[0]}, but it has {allowed}: raise"
                f" max_connections to {room.needed}, or give fewer databases, users or pools"
            )
        yield room


def _lookups(entry: Entry, entries: Sequence[Entry]) -> int:
    """Connections of an entry that are for looking up passwords."""
    shared = any(one.purpose is Purpose.lookup for one in entries)
    if entry.session or (shared and entry.purpose is not Purpose.lookup):
        return 0
    return AUTH_CONNECTIONS
