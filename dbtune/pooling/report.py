"""A pool plan as a report: the recommendation, its inputs, derivation, scenarios, alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from dbtune.pooling.demand import BUSIEST
from dbtune.pooling.formulas import Formula, formulas
from dbtune.pooling.inputs import ABOUT, POOLER_ONLY, PoolInputs
from dbtune.pooling.measured_report import TABLES as MEASURED_TABLES
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.queueing import Wait
from dbtune.pooling.scenarios import Scenario, scenarios
from dbtune.report import Column, Report, Row, Table
from dbtune.text import count_text, ms_text, ratio_text

if TYPE_CHECKING:  # columns are all that help and schemas need
    from dbtune.finding import Skipped

RECOMMENDATION = Table(
    "recommendation",
    "Recommendation",
    (
        Column("default_pool_size", "PgBouncer default_pool_size", "int", "Connections per pool."),
        Column(
            "smallest_pool_size",
            "  by the intervals, at least",
            "int",
            "The size at the lower ends of what was measured; null without measurement.",
        ),
        Column(
            "largest_pool_size",
            "  by the intervals, at most",
            "int",
            "The size at the upper ends of what was measured; null without measurement.",
        ),
        Column("min_pool_size", "PgBouncer min_pool_size", "int", "Connections kept open."),
        Column(
            "reserve_pool_size",
            "PgBouncer reserve_pool_size",
            "int",
            "Further connections per pool for clients that wait long.",
        ),
        Column(
            "max_db_connections",
            "PgBouncer max_db_connections",
            "int",
            "Most server connections per database.",
        ),
        Column("max_client_conn", "PgBouncer max_client_conn", "int", "Most clients."),
        Column(
            "app_pool_min_connections",
            "application pool, min per process",
            "int",
            "Connections that each application process keeps open.",
        ),
        Column(
            "app_pool_max_connections",
            "application pool, max per process",
            "int",
            "Most connections of each application process.",
        ),
        Column(
            "server_max_connections",
            "server max_connections",
            "int",
            "max_connections to set; the present value where it is enough.",
        ),
        Column(
            "server_max_connections_needed",
            "  of which needed",
            "int",
            "The smallest max_connections that holds all this.",
        ),
        Column(
            "instance_ceiling_connections",
            "ceiling per instance",
            "int",
            "Even share of the server's budget of connections per application instance.",
        ),
        Column(
            "process_ceiling_connections",
            "ceiling per process",
            "int",
            "Even share of the server's budget of connections per application process.",
        ),
        Column(
            "busy_connections", "busy connections, mean", "float", "By Little's law, at the mean."
        ),
        Column("busy_peak_connections", "busy connections, peak", "float", "The same at the peak."),
        Column("utilisation_ratio", "pool busy at the peak", "ratio", "Busy share of the pools."),
        Column(
            "cpu_utilisation_ratio", "CPUs busy at the peak", "ratio", "Busy share of the CPUs."
        ),
        Column("wait_p50_ms", "expected wait p50", "ms", "Half of the requests wait no longer."),
        Column("wait_p95_ms", "expected wait p95", "ms", "95 % of the requests wait no longer."),
        Column("wait_p99_ms", "expected wait p99", "ms", "99 % of the requests wait no longer."),
        Column("target_wait_p95_ms", "target p95", "ms", "95 % should wait no longer than this."),
        Column("constraint", "decided by", "text", "What decided the size."),
    ),
    record=True,
)
INPUTS = Table(
    "inputs",
    "Inputs",
    (
        Column("name", "name", "text", "Name of the input.", None),
        Column("title", "input", "text", "What it is."),
        Column("shown", "value", "text", "The value with its unit, for people."),
        Column("value", "value", "float", "The value.", None),
        Column("unit", "unit", "text", "Unit of the value.", None),
        Column("source", "from", "text", "Option, read from the server, default."),
    ),
)
DERIVATION = Table(
    "derivation",
    "Derivation",
    (
        Column("step", "#", "int", "Number of the step."),
        Column("symbol", "symbol", "text", "Short name that later formulas use.", 1),
        Column("meaning", "what", "text", "What it is."),
        Column("formula", "formula", "text", "How it is computed.", 2),
        Column("numbers", "numbers", "text", "The formula with numbers in it."),
        Column("result", "result", "text", "The result with its unit, for people."),
        Column("value", "value", "float", "The result.", None),
        Column("unit", "unit", "text", "Unit of the result.", None),
        Column("source", "source", "text", "Where the formula comes from.", 3),
    ),
    empty="nothing can be derived from these inputs",
)
SCENARIOS = Table(
    "scenarios",
    "What if (with the sizes above)",
    (
        Column("scenario", "what if", "text", "The circumstances."),
        Column("instances", "instances", "int", "Application instances.", 2),
        Column("requests_per_second", "req/s", "float", "Requests per second at the peak.", 2),
        Column("busy_connections", "busy", "float", "Busy connections at the peak.", 1),
        Column("utilisation_ratio", "pool busy", "ratio", "Busy share of the pools."),
        Column("wait_p50_ms", "p50", "ms", "Half of the requests wait no longer.", 2),
        Column("wait_p95_ms", "wait p95", "ms", "95 % of the requests wait no longer."),
        Column("wait_p99_ms", "p99", "ms", "99 % of the requests wait no longer.", 1),
        Column(
            "server_connections", "connections", "int", "Most server connections that can be open."
        ),
        Column("needed_pool_size", "needed size", "int", "Size planned for this scenario.", 2),
        Column("holds", "holds", "bool", "Whether nothing has to be changed.", None),
        Column("verdict", "verdict", "text", "What that means."),
    ),
    empty="no size, no scenarios",
)
FORMULAS = Table(
    "formulas",
    "Beside it: formulas and defaults in circulation",
    (
        Column("name", "who", "text", "Who uses it."),
        Column("formula", "formula", "text", "How it is computed.", 1),
        Column("connections", "says", "int", "Its number."),
        Column("per", "per", "text", "What the number is for."),
        Column("total_connections", "in all", "int", "Its number for the whole server."),
        Column("utilisation_ratio", "busy", "ratio", "Share that the demand keeps busy.", 2),
        Column("wait_p95_ms", "wait p95", "ms", "Expected wait with so many in one pool.", 1),
        Column("remark", "remark", "text", "What it leaves out."),
    ),
)
BUSY_POOLER = 15_000
"""Transactions per second of one PgBouncer to warn at: half of what it did in measurements."""

CHECKS = ("dbtune.pooling.checks", "dbtune.pgbouncer.health.checks")
"""Those run whose facts there are."""

TABLES = (RECOMMENDATION, *MEASURED_TABLES, INPUTS, DERIVATION, SCENARIOS, FORMULAS)


def report(
    plan: PoolPlan,
    *,
    command: str = "pool-size",
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    thresholds: Mapping[str, Mapping[str, object]] | None = None,
    skipped: tuple[Skipped, ...] = (),
    notes: tuple[str, ...] = (),
    size_range: tuple[int, int] | None = None,
    more: tuple[Table, ...] = (),
    facts: Mapping[str, object] = MappingProxyType({}),
) -> Report:
    """The report on a plan, with the findings of all checks in ``dbtune.pooling.checks``.

    Args:
        plan: what to report.
        command: the subcommand that reports.
        target: what inputs were read from, without secrets.
        collected_at: when they were read.
        thresholds: overrides by check name and threshold name.
        skipped: inputs that could not be read.
        notes: sentences about the inputs, to go before those about the plan.
        size_range: the pool's size at the ends of what was measured.
        more: tables about what was measured, to go behind the recommendation.
        facts: what was observed, by name: checks that need it run, too.
    """
    from dbtune.finding import load_checks, run_checks

    known = {"plan": plan, **facts}
    every = [one for package in CHECKS for one in load_checks(package)]
    checks = [one for one in every if known.keys() >= set(one.needs)]
    findings, unchecked = run_checks(checks, known, thresholds or {})
    low, high = size_range or (None, None)
    sizes = {**recommendation(plan), "smallest_pool_size": low, "largest_pool_size": high}
    tables = (
        replace(RECOMMENDATION, rows=(sizes,)),
        *more,
        replace(INPUTS, rows=tuple(_inputs(plan.inputs))),
        replace(DERIVATION, rows=tuple(_derivation(plan))),
        replace(SCENARIOS, rows=tuple(_scenario(one) for one in scenarios(plan))),
        replace(FORMULAS, rows=tuple(_formula(one) for one in formulas(plan))),
    )
    return Report(
        command,
        tables,
        tuple(findings),
        (*skipped, *unchecked),
        (*notes, *plan_notes(plan)),
        target,
        collected_at,
    )


def recommendation(plan: PoolPlan) -> Row:
    """The values of the record ``recommendation``."""
    inputs, demand, limits = plan.inputs, plan.demand, plan.limits
    processes = inputs.peak_processes
    return {
        "default_pool_size": plan.pool_size if inputs.pooler else None,
        "min_pool_size": plan.min_pool_size if inputs.pooler else None,
        "reserve_pool_size": plan.reserve_pool_size,
        "max_db_connections": plan.max_db_connections,
        "max_client_conn": plan.max_client_conn,
        "app_pool_min_connections": plan.app_pool_min,
        "app_pool_max_connections": plan.app_pool_max,
        "server_max_connections": plan.server_max_connections,
        "server_max_connections_needed": plan.server_needed,
        "instance_ceiling_connections": None if limits is None else limits.per_instance,
        "process_ceiling_connections": None
        if limits is None or processes is None
        else limits.budget // processes,
        "busy_connections": None if demand is None else demand.busy_mean,
        "busy_peak_connections": None if demand is None else demand.busy_peak,
        "utilisation_ratio": plan.utilisation,
        "cpu_utilisation_ratio": plan.cpu_utilisation,
        **_waits(plan.wait),
        "target_wait_p95_ms": None if demand is None else demand.target_ms,
        "constraint": plan.constraint.value,
    }


def plan_notes(plan: PoolPlan) -> Iterator[str]:
    """What a person should know about the plan's precision and gaps."""
    inputs, demand = plan.inputs, plan.demand
    missing = [ABOUT[name] for name in inputs.missing]
    if missing:
        listed = ", ".join(f"{about.option} ({about.adds})" for about in missing)
        yield f"not known: {listed}"
    if plan.wait is not None:
        yield (
            "waits are a model's: through a real PgBouncer the mean was 0.79–1.24 of the predicted"
            f" up to {ratio_text(BUSIEST)} busy, and requests that come in bursts wait longer"
        )
    if (
        demand is not None
        and inputs.cpus is not None
        and inputs.wait_share is None
        and demand.busy_peak > inputs.cpus
        and not plan.shortages
    ):
        share = 1 - inputs.cpus / demand.busy_peak
        yield (
            f"{count_text(demand.busy_peak)} busy connections on {count_text(inputs.cpus)} CPUs are"
            f" only possible if at least {ratio_text(share)} of the hold time is off the CPU;"
            " --wait-share tells how much is"
        )
    if demand is not None and inputs.pooler:
        each = demand.per_second / inputs.poolers
        if each > BUSY_POOLER:
            yield (
                f"{count_text(each)}/s may be more than one PgBouncer can do: it uses one CPU;"
                " watch it, and run several with so_reuseport if it's full (--poolers)"
            )
    if plan.setting.pools is not None and plan.setting.pools > 1 and plan.pool_size is not None:
        yield (
            f"the load is taken to be spread evenly over {plan.setting.pools:,} pools; the busiest"
            " one needs more if it isn't"
        )


def _waits(wait: Wait | None) -> Row:
    return {
        "wait_p50_ms": None if wait is None else wait.p50_ms,
        "wait_p95_ms": None if wait is None else wait.p95_ms,
        "wait_p99_ms": None if wait is None else wait.p99_ms,
    }


def _inputs(inputs: PoolInputs) -> Iterator[Row]:
    yield {
        "name": "pooler",
        "title": "PgBouncer in between",
        "shown": "yes" if inputs.pooler else "no",
        "value": None,
        "unit": "",
        "source": inputs.origin("pooler"),
    }
    for name, about in ABOUT.items():
        value = getattr(inputs, name)
        if (value is None and not about.adds) or (name in POOLER_ONLY and not inputs.pooler):
            continue
        yield {
            "name": name,
            "title": about.title,
            "shown": "not known" if value is None else _with_unit(value, about.unit),
            "value": value,
            "unit": about.unit,
            "source": "" if value is None else inputs.origin(name),
        }


def _with_unit(value: float, unit: str) -> str:
    if unit == "ms":
        return ms_text(value)
    if unit == "share":
        return ratio_text(value)
    return count_text(value) + unit


def _derivation(plan: PoolPlan) -> Iterator[Row]:
    for number, step in enumerate(plan.steps, start=1):
        yield {
            "step": number,
            "symbol": step.symbol,
            "meaning": step.meaning,
            "formula": step.formula,
            "numbers": step.numbers,
            "result": step.result,
            "value": step.value,
            "unit": step.unit,
            "source": step.source,
        }


def _scenario(one: Scenario) -> Row:
    demand = one.then.demand
    return {
        "scenario": one.name,
        "instances": one.then.inputs.instances,
        "requests_per_second": None if demand is None else demand.per_second,
        "busy_connections": None if demand is None else demand.busy_peak,
        "utilisation_ratio": one.utilisation,
        **_waits(one.wait),
        "server_connections": one.server_connections,
        "needed_pool_size": one.then.pool_size,
        "holds": one.holds,
        "verdict": one.verdict,
    }


def _formula(one: Formula) -> Row:
    return {
        "name": one.name,
        "formula": one.formula,
        "connections": one.connections,
        "per": one.per,
        "total_connections": one.total,
        "utilisation_ratio": one.utilisation,
        "wait_p95_ms": None if one.wait is None else one.wait.p95_ms,
        "remark": one.remark,
    }


def no_size(about: Report, otherwise: str) -> str:
    """Why a plan has no size: its worst finding, or else which inputs it lacks."""
    if about.findings:
        worst = about.findings[0]
        return f"no pool size works: {worst.message}. {worst.remedy.text}"
    return otherwise
