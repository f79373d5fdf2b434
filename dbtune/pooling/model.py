"""A pool plan: sizes for PgBouncer, the application and the server, derived from the inputs.

The size of a pool is the smallest that keeps the wait for a connection under the target, with room
for twice the load; never more than lets the server work at its best, and never more than it has.
Demand comes from Little's law, waits from Erlang C, the cap from measurements. Every step of the
arithmetic is kept.
"""

from __future__ import annotations

from typing import NamedTuple

from dbtune.pooling.demand import Demand, demand_of
from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import PoolInputs, round_up
from dbtune.pooling.limits import Limits, Parallelism, limits_of, parallelism_of
from dbtune.pooling.queueing import MOST_CONNECTIONS, Wait, smallest_pool
from dbtune.pooling.sizing import Constraint, Setting, Shortage, choose_size, shortages
from dbtune.text import count_text, ms_text, ratio_text

RESERVE_SHARE = 0.15
"""PgBouncer's reserve pool as a share of the pool; it lives in the margin, not in the budget."""
FEWEST_CLIENTS = 100
"""PgBouncer's default ``max_client_conn``. A client costs it about 2 kB, a refused one an error."""
CLIENT_ROOM = 1.2
"""``max_client_conn`` over the connections that applications can open."""


class PoolPlan(NamedTuple):
    """What to set. ``None`` means that the inputs don't say, or that no number works.

    Attributes:
        setting: inputs, demand, limits and CPUs.
        shortages: why no size works; empty when one does.
        constraint: what decided the size.
        pool_size: connections of each pool: PgBouncer's ``default_pool_size``, or the most that an
            application process opens when there is no pooler.
        min_pool_size: connections that each pool keeps open.
        reserve_pool_size: further connections of each PgBouncer pool for clients that wait long.
        max_db_connections: most server connections of each PgBouncer for each database.
        max_client_conn: most clients of each PgBouncer.
        app_pool_min: connections that each application process keeps open.
        app_pool_max: most connections of each application process.
        server_needed: the smallest ``max_connections`` that holds all this.
        server_max_connections: ``max_connections`` to set: the present one where it is enough.
        utilisation: share of the pools that is busy at the peak.
        wait: for a connection, at the peak.
        steps: the derivation.
    """

    setting: Setting
    shortages: frozenset[Shortage]
    constraint: Constraint
    pool_size: int | None
    min_pool_size: int | None
    reserve_pool_size: int | None
    max_db_connections: int | None
    max_client_conn: int | None
    app_pool_min: int | None
    app_pool_max: int | None
    server_needed: int | None
    server_max_connections: int | None
    utilisation: float | None
    wait: Wait | None
    steps: tuple[Step, ...]

    @property
    def inputs(self) -> PoolInputs:
        """The inputs as given."""
        return self.setting.inputs

    @property
    def demand(self) -> Demand | None:
        """What the application asks for, if known."""
        return self.setting.demand

    @property
    def limits(self) -> Limits | None:
        """What the server allows, if known."""
        return self.setting.limits

    @property
    def parallelism(self) -> Parallelism | None:
        """What the CPUs can do at once, if known."""
        return self.setting.parallelism

    @property
    def cpu_utilisation(self) -> float | None:
        """Share of the server's CPUs that is busy at the peak."""
        busy, cpus = self.setting.cpus_busy, self.inputs.cpus
        return None if busy is None or cpus is None else busy / cpus

    @property
    def server_connections(self) -> int | None:
        """Most server connections that the application can open, reserves included."""
        if self.pool_size is None or self.setting.peak_pools is None:
            return None
        return self.setting.peak_pools * (self.pool_size + (self.reserve_pool_size or 0))


def derive(inputs: PoolInputs) -> PoolPlan:
    """Derive a plan from the inputs; whatever they don't suffice for stays ``None``."""
    steps: list[Step] = []
    setting = Setting(
        inputs,
        demand_of(inputs, steps),
        limits_of(inputs, steps),
        parallelism_of(inputs, steps),
    )
    short = shortages(setting)
    size, constraint = choose_size(setting, short, steps)
    utilisation, wait = _expected(setting, size, steps)
    reserve = _reserve(setting, size, steps)
    app_min, app_max = _app_pool(setting, short, size, wait, steps)
    needed, recommended = _server(setting, size, reserve, steps)
    pooler = inputs.pooler
    return PoolPlan(
        setting=setting,
        shortages=short,
        constraint=constraint,
        pool_size=size,
        min_pool_size=_min_pool(setting, size),
        reserve_pool_size=reserve,
        max_db_connections=inputs.users * (size + (reserve or 0)) if pooler and size else None,
        max_client_conn=_max_clients(inputs, app_max, steps) if pooler else None,
        app_pool_min=app_min,
        app_pool_max=app_max,
        server_needed=needed,
        server_max_connections=recommended,
        utilisation=utilisation,
        wait=wait,
        steps=tuple(steps),
    )


def connections_needed(inputs: PoolInputs, pools: int, size: int, reserve: int = 0) -> int:
    """The smallest ``max_connections`` for so many pools: margin and hard limit both hold."""
    others = inputs.superuser_reserved + inputs.reserved_connections + inputs.other_connections
    return max(round_up(pools * size / inputs.margin), pools * (size + reserve) + others)


def _expected(
    setting: Setting, size: int | None, steps: list[Step]
) -> tuple[float | None, Wait | None]:
    """Utilisation and waits at the chosen size."""
    demand, pools = setting.demand, setting.pools
    if demand is None or size is None or pools is None or setting.by_locks:
        return None, None  # who takes turns at a lock is no queue before servers side by side
    utilisation = demand.busy_peak / pools / size
    wait = demand.wait(size, pools)
    assert wait is not None  # a size that cannot keep up is a shortage
    load = count_text(demand.busy_peak / pools)
    steps.append(
        Step(
            "ρ",
            "share of the pool that is busy at the peak",
            "a / k / n" if pools > 1 else "a / n",
            f"{load} / {size}",
            utilisation,
            "share",
            "definition",
        )
    )
    steps.append(
        Step(
            "W95",
            "wait for a connection that 95 % stay below",
            "S / (n − a) · ln(C / 0.05), 0 if C ≤ 5 %",
            f"C = {ratio_text(wait.probability)} of requests wait at all",
            wait.p95_ms,
            "ms",
            demand.waits_source,
        )
    )
    return utilisation, wait


def _min_pool(setting: Setting, size: int | None) -> int | None:
    """Connections that the mean load keeps busy anyhow: opened before the morning's first rush."""
    if size is None or setting.pools is None:
        return None
    if setting.demand is None:
        return 1
    return min(size, max(1, round_up(setting.demand.busy_mean / setting.pools)))


def _reserve(setting: Setting, size: int | None, steps: list[Step]) -> int | None:
    """PgBouncer's reserve, as far as the server has connections beyond the budget."""
    pools = setting.pools
    if not setting.inputs.pooler or size is None or pools is None:
        return None
    reserve = round_up(RESERVE_SHARE * size)
    numbers = f"⌈15 % × {size}⌉"
    if setting.limits is not None:
        left = (setting.limits.usable - pools * size) // pools
        reserve = min(reserve, left)
        numbers = f"min({numbers}, {left})"
    steps.append(
        Step(
            "r",
            "reserve pool for clients that wait long",
            "min(⌈15 % · n⌉, U / k − n)" if setting.limits is not None else "⌈15 % · n⌉",
            numbers,
            reserve,
            "connections",
            "out of the margin, for bursts",
        )
    )
    return reserve


def _app_pool(
    setting: Setting,
    short: frozenset[Shortage],
    size: int | None,
    wait: Wait | None,
    steps: list[Step],
) -> tuple[int | None, int | None]:
    """Smallest and largest pool of each application process."""
    inputs, demand, processes = setting.inputs, setting.demand, setting.inputs.processes
    if not inputs.pooler:
        return (None, None) if size is None else (_min_pool(setting, size), size)
    if short:
        return None, None
    if inputs.threads is not None:
        # Behind a pooler a client connection is cheap: none of the threads should wait in the
        # application for one, because PgBouncer's queue is shared and fair.
        return 1, inputs.threads
    if demand is None or processes is None:
        return None, None
    hold = demand.hold_ms + (wait.mean_ms if wait is not None else 0)
    busy = demand.per_second * hold / 1000 / processes
    largest = smallest_pool(busy, hold, 0, quantile=0.99) or MOST_CONNECTIONS
    smallest = max(1, min(largest, round_up(demand.busy_mean / processes)))
    steps.append(
        Step(
            "app",
            "application pool of each process behind the pooler",
            "min c: 1 % wait in the application, a = λ · (S + W) / processes",
            f"a = {count_text(demand.per_second)}/s × {ms_text(hold)} / {processes}"
            f" = {count_text(busy)}",
            largest,
            "connections",
            "Erlang C; the queue belongs in PgBouncer, where it is shared",
        )
    )
    return smallest, largest


def _max_clients(inputs: PoolInputs, app_max: int | None, steps: list[Step]) -> int | None:
    """PgBouncer's clients: every application pool full, during a deploy, one PgBouncer down."""
    processes = inputs.peak_processes
    if app_max is None or processes is None:
        return None
    left = max(1, inputs.poolers - 1)
    clients = max(FEWEST_CLIENTS, round_up(CLIENT_ROOM * processes * app_max / left))
    steps.append(
        Step(
            "max_client_conn",
            "clients of each PgBouncer",
            "max(100, ⌈1.2 · processes · app⌉)"
            if left == 1
            else "max(100, ⌈1.2 · processes · app / (PgBouncers − 1)⌉)",
            f"max({FEWEST_CLIENTS}, ⌈1.2 × {processes} × {app_max}"
            + ("⌉)" if left == 1 else f" / {left}⌉)"),
            clients,
            "clients",
            "all application pools full, one PgBouncer down",
        )
    )
    return clients


def _server(
    setting: Setting, size: int | None, reserve: int | None, steps: list[Step]
) -> tuple[int | None, int | None]:
    """``max_connections``: the smallest that works, and the one to set."""
    inputs, pools = setting.inputs, setting.peak_pools
    if size is None or pools is None:
        return None, None
    needed = connections_needed(inputs, pools, size, reserve or 0)
    others = inputs.superuser_reserved + inputs.reserved_connections + inputs.other_connections
    each = f"({size} + {reserve})" if reserve else str(size)
    steps.append(
        Step(
            "max_connections",
            "server max_connections, at least",
            "max(⌈k · n / margin⌉, k · (n + r) + reserved + others)",
            f"max(⌈{pools} × {size} / {inputs.margin:g}⌉, {pools} × {each} + {others})",
            needed,
            "connections",
            "PostgreSQL documentation, runtime-config-connection",
        )
    )
    return needed, max(needed, inputs.max_connections or 0)
