"""``pool-size`` on MongoDB: the options of a client's pool, derived from limits and load.

A client (``MongoClient``) has a pool for each server that it knows, and two further connections to
each that watch it. Source: https://www.mongodb.com/docs/manual/administration/connection-pool-overview/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dbtune.apps.pool import IDLE_SECONDS, AppPool
from dbtune.mongo.load import Load, observe
from dbtune.mongo.session import Session
from dbtune.pooling.demand import Demand, demand_of
from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import DEFAULT, PoolInputs, round_down, round_up
from dbtune.pooling.report import DERIVATION, INPUTS
from dbtune.report import Column, Report, Row, Table, record
from dbtune.statements import Wait
from dbtune.text import count_text, ms_text, plural, ratio_text

WATCHING = 2
"""Connections of a client to a server that watch it: one waits for news, one measures."""
FEWEST = 2
"""A pool of one makes a long operation hold up all others of its process."""
MEASURED_PEAK = 2.0
"""A measured rate is hardly that of the peak."""
_OTHERS = 10
_DOCUMENT = "MongoDB manual, Connection Pool Overview"

CLIENT_POOL = (
    Column("max_pool_size", "maxPoolSize", "int", "Most connections of a client to a server."),
    Column("min_pool_size", "minPoolSize", "int", "Connections that it keeps open."),
    Column("max_idle_time_ms", "maxIdleTimeMS", "ms", "Closed when silent for so long."),
    Column("wait_queue_timeout_ms", "waitQueueTimeoutMS", "ms", "Longest wait for one."),
    Column("max_connecting", "maxConnecting", "int", "Opened at the same time."),
    Column("processes", "processes", "int", "Clients, during a deploy."),
    Column("routers", "servers", "int", "Servers (mongos) that share the load."),
    Column("most_connections", "connections to a server, at most", "int", "Of all clients."),
    Column("limit_connections", "the server accepts", "int", "maxIncomingConnections, or ulimit."),
    Column("open_connections", "open now", "int", "Connections that are open."),
    Column("busy_connections", "busy, mean", "float", "By Little's law, at the mean."),
    Column("busy_peak_connections", "busy, peak", "float", "The same at the peak."),
    Column(
        "mean_active_connections",
        "at work, seen",
        "float",
        "Connections at work at the looks, mean.",
    ),
    Column("most_active_connections", "at work, most seen", "int", "The most at one look."),
    Column("most_queued", "queued, most seen", "int", "Operations waiting for a lock or ticket."),
    Column("wait_p95_ms", "expected wait p95", "ms", "95 % wait no longer for a connection."),
    Column("target_wait_p95_ms", "target p95", "ms", "95 % should wait no longer than this."),
    Column("constraint", "decided by", "text", "What decided maxPoolSize."),
)
APPLICATIONS = Table(
    "applications",
    "Who is connected",
    (
        Column("application", "application", "text", "appName; null if it sets none."),
        Column("driver", "driver", "text", "Name and version."),
        Column("hosts", "hosts", "int", "Machines that they come from."),
        Column("connections", "connections", "int", "Open ones."),
        Column("busy", "busy", "int", "With an operation at the time of the look."),
        Column("internal", "internal", "bool", "Of members of the set or routers.", 2),
    ),
    empty="nobody is connected",
)
TABLES = (record("client_pool", "Recommendation", CLIENT_POOL, {}), APPLICATIONS)


@dataclass(frozen=True, slots=True)
class Plan:
    """A client's pool.

    Attributes:
        inputs: what it was derived from.
        steps: how.
        demand: what is asked for; ``None`` if that is not known.
        largest: maxPoolSize; ``None`` if nothing decides it.
        smallest: minPoolSize.
        ceiling: what each pool may have at most by the server's limit; ``None`` if not known.
        constraint: what decided.
    """

    inputs: PoolInputs
    steps: tuple[Step, ...]
    demand: Demand | None
    largest: int | None
    smallest: int
    ceiling: int | None
    constraint: str

    @property
    def most(self) -> int | None:
        """Connections of all clients to one server."""
        processes = self.inputs.peak_processes
        if self.largest is None or processes is None:
            return None
        return processes * (self.largest + WATCHING)


def pool_size(session: Session, given: PoolInputs, seconds: float, wait: Wait) -> Report:
    """The report on a server and its load.

    Args:
        session: an open session.
        given: what options say, which overrides what is read; ``poolers`` are the routers.
        seconds: how long to observe the load; 0 not at all.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke.
    """
    load = observe(session, seconds, wait)
    plan = plan_for(load, given)
    return Report(
        "pool-size",
        (
            record("client_pool", "Recommendation", CLIENT_POOL, _recommendation(plan, load)),
            replace(INPUTS, rows=tuple(_inputs(plan.inputs))),
            replace(DERIVATION, rows=tuple(_derivation(plan))),
            replace(APPLICATIONS, rows=tuple(_applications(load))),
        ),
        skipped=load.skipped,
        notes=tuple(_notes(plan, load, session.role)),
        target=session.target(),
        collected_at=session.now(),
    )


def plan_for(load: Load, given: PoolInputs) -> Plan:
    """The plan; options win over what was read."""
    inputs, steps = _filled(load, given), list[Step]()
    demand = demand_of(inputs, steps)
    processes = inputs.peak_processes
    pools = (processes or 1) * inputs.poolers
    needed = None if demand is None else demand.needed(pools)
    if demand is not None and needed is not None:
        steps.append(
            Step(
                "n",
                "connections of each pool" if processes else "connections of one pool for all",
                "smallest with p95 wait ≤ T",
                f"{count_text(demand.busy_peak)} busy / {plural(pools, 'pool')}",
                needed,
                "connections",
                demand.waits_source,
            )
        )
    ceiling = _ceiling(inputs, steps)
    largest, constraint = _decided(inputs, needed, ceiling)
    smallest = 0
    if demand is not None and largest is not None:
        smallest = min(largest, round_up(demand.busy_mean / pools))
    return Plan(inputs, tuple(steps), demand, largest, smallest, ceiling, constraint)


def _filled(load: Load, given: PoolInputs) -> PoolInputs:
    origins, found = dict(given.origins), dict[str, object]()

    def take(name: str, value: float | None, origin: str) -> None:
        if value and name not in origins:
            found[name], origins[name] = value, origin

    take("max_connections", load.limit, "connections.current + available")
    if "other_connections" not in origins:
        take("other_connections", max(_OTHERS, load.internal), "members, routers, administration")
    measured = f"measured for {load.seconds:.0f} s"
    if "requests_per_second" not in origins:
        take("requests_per_second", load.per_second, f"opLatencies, {measured}")
        if load.per_second and "peak_factor" not in origins:
            take("peak_factor", MEASURED_PEAK, "dbtune, as the rate is measured")
    if load.mean_ms is not None:
        hold = load.mean_ms + load.round_trip_ms
        take("hold_time_ms", hold, f"opLatencies + round trip {ms_text(load.round_trip_ms)}")
    return replace(given, **found, origins=origins)  # type: ignore[arg-type]


def _ceiling(inputs: PoolInputs, steps: list[Step]) -> int | None:
    """What the server's limit leaves each pool."""
    processes = inputs.peak_processes
    if inputs.max_connections is None:
        return None
    budget = round_down(inputs.max_connections * inputs.margin) - inputs.other_connections
    steps.append(
        Step(
            "B",
            "connections for applications",
            "limit · margin - others",
            f"{inputs.max_connections:,} × {ratio_text(inputs.margin)}"
            f" - {inputs.other_connections:,}",
            budget,
            "connections",
            "dbtune: room for failover and administration",
        )
    )
    if processes is None:
        return None
    each = budget // processes - WATCHING
    steps.append(
        Step(
            "c",
            "most that each pool may have",
            "B / processes - watching",
            f"{budget:,} / {processes:,} - {WATCHING}",
            each,
            "connections",
            _DOCUMENT,
        )
    )
    return each


def _decided(inputs: PoolInputs, needed: int | None, ceiling: int | None) -> tuple[int | None, str]:
    largest, constraint = needed, "demand"
    if inputs.threads is not None and (largest is None or largest > inputs.threads):
        largest, constraint = inputs.threads, "threads: each holds one connection at most"
    if largest is None:
        return None, "nothing: neither load nor threads are known"
    if largest < FEWEST:
        largest, constraint = FEWEST, "the fewest that keep a long operation from holding up all"
    if ceiling is not None and ceiling < largest:
        largest, constraint = max(1, ceiling), "the server's limit"
    return largest, constraint


def _recommendation(plan: Plan, load: Load) -> Row:
    largest, demand, inputs = plan.largest, plan.demand, plan.inputs
    pools = (inputs.peak_processes or 1) * inputs.poolers
    app = AppPool(largest=largest or 1, smallest=plan.smallest, pooler=False, prepares=True)
    wait = demand.wait(largest, pools) if demand is not None and largest else None
    return {
        "max_pool_size": largest,
        "min_pool_size": None if largest is None else plan.smallest,
        "max_idle_time_ms": IDLE_SECONDS * 1000,
        "wait_queue_timeout_ms": round(app.acquire_seconds * 1000),
        "max_connecting": 2,
        "processes": inputs.peak_processes,
        "routers": inputs.poolers,
        "most_connections": plan.most,
        "limit_connections": inputs.max_connections,
        "open_connections": load.current,
        "busy_connections": None if demand is None else demand.busy_mean,
        "busy_peak_connections": None if demand is None else demand.busy_peak,
        "mean_active_connections": sum(load.active) / len(load.active) if load.active else None,
        "most_active_connections": max(load.active, default=None),
        "most_queued": max(load.queued, default=None),
        "wait_p95_ms": None if wait is None else wait.p95_ms,
        "target_wait_p95_ms": None if demand is None else demand.target_ms,
        "constraint": plan.constraint,
    }


_TITLES = {
    "max_connections": ("connections that the server accepts", ""),
    "other_connections": ("others: members, routers, administration", ""),
    "instances": ("application instances", ""),
    "workers": ("processes per instance", ""),
    "threads": ("threads per process", ""),
    "poolers": ("servers (mongos) that share the load", ""),
    "requests_per_second": ("operations per second", "/s"),
    "hold_time_ms": ("mean time that an operation holds a connection", "ms"),
    "peak_factor": ("peak rate over that rate", ""),
    "margin": ("share of the limit to plan with", "share"),
    "surge": ("more instances during a deploy", "share"),
}


def _inputs(inputs: PoolInputs) -> Iterator[Row]:
    for name, (title, unit) in _TITLES.items():
        value = getattr(inputs, name)
        if value is None:
            continue
        shown = {"ms": ms_text, "share": ratio_text}.get(unit, count_text)(value)
        yield {
            "name": name,
            "title": title,
            "shown": f"{shown}{unit if unit == '/s' else ''}",
            "value": float(value),
            "unit": unit,
            "source": inputs.origins.get(name, DEFAULT),
        }


def _derivation(plan: Plan) -> Iterator[Row]:
    for number, step in enumerate(plan.steps, start=1):
        yield {"step": number, **step._asdict(), "result": step.result}


def _applications(load: Load) -> Iterator[Row]:
    for one in load.applications:
        yield {
            "application": one.name or None,
            "driver": one.driver,
            "hosts": one.hosts,
            "connections": one.connections,
            "busy": one.busy,
            "internal": one.internal,
        }


def _notes(plan: Plan, load: Load, role: str) -> Iterator[str]:
    inputs = plan.inputs
    if plan.largest is None:
        yield (
            "no size: the load was not measured, or nothing ran meanwhile; give --rps and "
            "--hold-time, or --threads"
        )
    if inputs.instances is None:
        yield (
            "how many processes have a client is not known (--instances, --workers): the size is "
            "that of one pool for all; several small pools need more together than one"
        )
    if plan.most is not None and inputs.poolers > 1:
        yield (
            f"a process opens up to {inputs.poolers * (plan.largest or 0):,} connections: "
            f"maxPoolSize to each of {inputs.poolers:,} servers"
        )
    if plan.ceiling is not None and plan.ceiling < FEWEST:
        yield (
            "the server's limit does not hold so many processes: fewer of them, or a higher "
            "net.maxIncomingConnections and ulimit -n"
        )
    limit = load.limit
    if limit is not None and load.configured is not None and limit < load.configured:
        yield (
            f"net.maxIncomingConnections is {load.configured:,}, but the server accepts {limit:,}: "
            "80 % of what ulimit -n allows it"
        )
    rate = load.created_per_second or 0.0
    if rate > 1 and load.current is not None and rate * 60 > load.current:
        yield (
            f"{count_text(rate)} connections a second were opened, {load.current:,} are open: a "
            "program makes a client for each request, or its pool is too small"
        )
    if load.per_second:
        seen = sum(load.active) / len(load.active) if load.active else 0.0
        yield (
            f"Little's law gives {count_text(load.busy_ms / 1000 / load.seconds)} operations at "
            f"work on the server, {len(load.active)} looks saw {count_text(seen)}; the rest of a "
            "hold is the way there and back"
        )
    if role == "secondary":
        yield "a secondary was observed: its load is not that of the primary"
    if role == "mongos":
        yield (
            "the load of this mongos only; a mongos opens connections of its own to each shard "
            "(ShardingTaskExecutorPoolMaxSize, no limit by default)"
        )
    if load.members > 1:
        yield (
            f"a client has such a pool to each of {load.members} members of the set; who reads "
            "from the primary only, uses one of them"
        )
    yield (
        f"{WATCHING} connections of each client to each server watch it; make one client a process,"
        " after any fork"
    )
