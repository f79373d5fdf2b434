"""The community's formulas and defaults beside the plan, so that people can see why it differs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from dbtune.pooling.demand import Demand
from dbtune.pooling.inputs import round_down, round_up
from dbtune.pooling.limits import Limits
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.queueing import MOST_CONNECTIONS, Wait
from dbtune.text import count_text

PROCESS_DEFAULTS = (
    ("SQLAlchemy's default", "5 + 10 overflow", 15),
    ("HikariCP's default", "10", 10),
    ("node-pg's default", "10", 10),
    ("psycopg_pool's and Django's default", "4", 4),
)
"""Pool sizes where nobody set one: SQLAlchemy 2.1, HikariCP, pg-pool 3.14, psycopg_pool 3.3."""


class Formula(NamedTuple):
    """A formula or a default in circulation, with the plan's numbers in it.

    Attributes:
        name: who uses it.
        formula: in symbols.
        per: what the number is for: ``server``, ``instance``, ``pool`` or ``process``.
        connections: its number for one of those.
        total: its number for the whole server, if the topology is known.
        remark: what it leaves out.
        utilisation: share of the total that the demand keeps busy; 1 or more is too much.
        wait: before one pool of the total's size, which flatters separate pools.
    """

    name: str
    formula: str
    per: str
    connections: int
    total: int | None
    remark: str
    utilisation: float | None = None
    wait: Wait | None = None


def formulas(planned: PoolPlan) -> tuple[Formula, ...]:
    """Every formula for which there are inputs."""
    every = [*_by_cpus(planned), *_by_demand(planned), *_by_topology(planned)]
    # Where sessions queue for locks, the demand is mostly that queue, and no size ends it.
    demand = None if planned.setting.by_locks else planned.demand
    return tuple(_judged(formula, demand, planned.limits) for formula in every)


def _judged(formula: Formula, demand: Demand | None, limits: Limits | None) -> Formula:
    if not formula.total:
        return formula
    utilisation, wait, remark = None, None, formula.remark
    if formula.total > MOST_CONNECTIONS:
        return formula._replace(remark="more than any PostgreSQL can have")
    if demand is not None:
        utilisation, wait = demand.busy_peak / formula.total, demand.wait(formula.total)
    if demand is not None and wait is None:
        remark = f"too few for {count_text(demand.busy_peak)} busy: the queue never ends"
    elif limits is not None and formula.total > limits.usable:
        remark = f"more than the {limits.usable:,} that the server has to give"
    return formula._replace(utilisation=utilisation, wait=wait, remark=remark)


def _by_cpus(planned: PoolPlan) -> Iterator[Formula]:
    cpus, parallelism = planned.inputs.cpus, planned.parallelism
    if cpus is None or parallelism is None:
        return
    yield _server(
        "PostgreSQL wiki, HikariCP",
        "2 · CPUs + 1 disk",
        round_up(2 * cpus + 1),
        "for transactions that wait for nothing but one disk",
    )
    yield _server(
        "Cybertec",
        "CPUs / (busy share 1 · parallel 1)",
        max(1, round_down(cpus)),
        "meant for max_connections; counts waiting as work",
    )
    if parallelism.waits_known:
        yield _server(
            "Goetz; balanced job bound",
            "CPUs / (1 − w)",
            round_up(parallelism.balanced),
            "for a saturated server; says nothing about waits below that",
        )


def _by_demand(planned: PoolPlan) -> Iterator[Formula]:
    if planned.demand is None:
        return
    busy = planned.demand.busy_peak
    yield _server("Little's law", "λ · S", round_up(busy), "a mean: often it's more")
    yield _server(
        "square-root staffing",
        "a + 2 · √a",
        math.ceil(busy + 2 * math.sqrt(busy)),
        "good for large pools; knows neither CPUs nor limits",
    )


def _by_topology(planned: PoolPlan) -> Iterator[Formula]:
    inputs, limits = planned.inputs, planned.limits
    if limits is not None and limits.per_instance is not None and inputs.instances is not None:
        share, total = limits.per_instance, limits.per_instance * inputs.instances
        formula = f"{inputs.margin:g} · max_connections / instances"
        yield Formula("folklore", formula, "instance", share, total, "a ceiling, not a size")
    if inputs.pooler:
        total = 20 * inputs.pooler_pools
        yield Formula("PgBouncer's default", "20", "pool", 20, total, "looks at nothing")
    for name, formula, number in PROCESS_DEFAULTS:
        every = None if inputs.processes is None else number * inputs.processes
        yield Formula(name, formula, "process", number, every, "grows with every process")


def _server(name: str, formula: str, connections: int, remark: str) -> Formula:
    return Formula(name, formula, "server", connections, connections, remark)
