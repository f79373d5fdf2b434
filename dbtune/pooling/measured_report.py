"""What was measured, as tables: the demand with its intervals, where the time goes, for whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.pooling.demand import BUSIEST
from dbtune.pooling.inputs import round_up
from dbtune.pooling.load import KINDS, Load, Use
from dbtune.pooling.measured import ABOUT, Quantities
from dbtune.pooling.measured_pooler import APPLICATIONS, POOLER_POOLS
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.queueing import smallest_pool
from dbtune.report import Column, Row, Table
from dbtune.text import count_text, ms_text, ratio_text

MEASURED = Table(
    "measured",
    "Measured demand, with intervals of 95 %",
    (
        Column("name", "name", "text", "Name of the quantity.", None),
        Column("title", "what", "text", "What it is."),
        Column("shown", "measured", "text", "The value with its unit, for people."),
        Column("interval", "interval", "text", "The interval with its unit, for people."),
        Column("value", "value", "float", "The value.", None),
        Column("low", "low", "float", "Lower end of the interval; null if not known.", None),
        Column("high", "high", "float", "Upper end of the interval; null if not known.", None),
        Column("unit", "unit", "text", "Unit of all three.", None),
        Column("source", "from", "text", "Where it was read.", 1),
    ),
    empty="nothing was measured",
)
USE = Table(
    "use",
    "What held connections are at",
    (
        Column("kind", "kind", "text", "cpu, io, lock, latch, client or other.", None),
        Column("title", "at", "text", "What they are at."),
        Column("connections", "connections", "float", "How many, on average."),
        Column("share_ratio", "share", "share", "Of all held connections."),
    ),
    empty="no connection was held",
)
POOLS = Table(
    "pools",
    "Connections by database, role and application",
    (
        Column("database", "database", "text", "Database."),
        Column("user", "user", "text", "Role."),
        Column("application", "application", "text", "Application; null is all of the pool."),
        Column("connections", "connections", "float", "Connections, on average."),
        Column("held_connections", "held", "float", "Of these, in a transaction, on average."),
        Column(
            "most_held_connections", "most", "int", "Held at once, at most, as far as was seen."
        ),
        Column("idle_ratio", "idle", "ratio", "Share of its connections that is idle."),
        Column("client_ratio", "idle in trans.", "ratio", "Of the held, waiting for clients.", 1),
        Column(
            "unused_connections", "unused", "int", "Connections that stayed idle all the time.", 1
        ),
        Column("calls_per_second", "calls/s", "float", "Statements (pg_stat_statements).", 2),
        Column("mean_ms", "mean", "ms", "Mean time of a statement.", 2),
        Column(
            "needed_connections",
            "needs",
            "int",
            "Size of a pool of its own that meets the target.",
            0,
        ),
    ),
    empty="no connection was seen",
)
TABLES = (MEASURED, USE, POOLS, POOLER_POOLS, APPLICATIONS)
SHOWN_POOLS = 15


def measured_table(found: Quantities) -> Table:
    """Each measured quantity with its interval."""
    rows = []
    for name, about in ABOUT.items():
        if name not in found:
            continue
        (value, low, high), origin = found[name]
        rows.append(
            {
                "name": name,
                "title": about.title,
                "shown": _with_unit(value, about.unit),
                "interval": _interval(low, high, about.unit),
                "value": value,
                "low": low,
                "high": high,
                "unit": about.unit,
                "source": origin,
            }
        )
    return replace(MEASURED, rows=tuple(rows))


def use_table(load: Load) -> Table:
    """Where the time of held connections goes, most first."""
    whole = load.whole
    parts = [(kind, getattr(whole, kind)) for kind in KINDS] if whole.held else []
    return replace(
        USE,
        rows=tuple(
            {
                "kind": kind,
                "title": KINDS[kind],
                "connections": count / load.count,
                "share_ratio": count / whole.held,
            }
            for kind, count in sorted(parts, key=lambda one: -one[1])
            if count
        ),
    )


def pools_table(load: Load, plan: PoolPlan) -> Table:
    """PgBouncer's would-be pools, each with the applications that share it."""
    rows = tuple(_pools(load, plan))
    more = len(rows) - SHOWN_POOLS
    footer = f"{more} more (--format json or csv lists them)" if more > 0 else ""
    return replace(POOLS, rows=rows, shown=min(len(rows), SHOWN_POOLS), footer=footer)


def _pools(load: Load, plan: PoolPlan) -> Iterator[Row]:
    for pool in load.pools():
        inside = [
            one for one in load.uses if (one.database, one.user) == (pool.database, pool.user)
        ]
        if len(inside) == 1:
            yield _row(inside[0], load, plan, whole=True)
            continue
        yield {**_row(pool, load, plan, whole=True), "application": None}
        for one in inside:
            yield _row(one, load, plan, whole=False)


def _row(one: Use, load: Load, plan: PoolPlan, *, whole: bool) -> Row:
    calls = next(
        (it for it in load.calls if whole and (it.database, it.user) == (one.database, one.user)),
        None,
    )
    return {
        "database": one.database,
        "user": one.user,
        "application": one.application,
        "connections": one.connections / load.count,
        "held_connections": one.held / load.count,
        "most_held_connections": one.most_held,
        "idle_ratio": 1 - one.held / one.connections if one.connections else None,
        "client_ratio": one.client / one.held if one.held else None,
        "unused_connections": one.unused,
        "calls_per_second": calls.calls / load.seconds if calls and load.seconds else None,
        "mean_ms": calls.total_ms / calls.calls if calls else None,
        "needed_connections": _needed(one, load, plan) if whole else None,
    }


def _needed(one: Use, load: Load, plan: PoolPlan) -> int | None:
    """The smallest pool for this part of the load, as if nobody else used the server."""
    demand = plan.demand
    if demand is None or not one.held or plan.setting.by_locks:
        return None
    offered = one.held / load.count * plan.inputs.peak_factor
    size = smallest_pool(offered, demand.hold_ms, demand.target_ms, variance=demand.variance)
    return None if size is None else max(size, round_up(offered / BUSIEST))


def _interval(low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return "not known"
    return f"{_with_unit(low, unit)} to {_with_unit(high, unit)}"


def _with_unit(value: float, unit: str) -> str:
    if unit == "ms":
        return ms_text(value)
    if unit == "share":
        return ratio_text(value)
    return count_text(value) + (unit if unit.startswith("/") else "")
