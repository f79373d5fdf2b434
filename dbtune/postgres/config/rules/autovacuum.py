"""Autovacuum."""

from __future__ import annotations

from dbtune.postgres.config.guc import GB, SECOND
from dbtune.postgres.config.inputs import Storage, Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, at_least, at_most, rule

_AUTOVACUUM = "runtime-config-autovacuum"
_COST_LIMIT = {Storage.hdd: 200, Storage.ssd: 600, Storage.san: 600, Storage.nvme: 2000}
_DIRTY_COST = 20
"""vacuum_cost_page_dirty: what changing one block costs."""
_DELAY_SECONDS = 0.002
_MANY_LATE = 3
"""One table may be held back by a transaction, or be in vacuum just now."""


@rule(_AUTOVACUUM)
def autovacuum(_plan: Plan) -> Advice | None:
    """Without it tables bloat, statistics grow stale, and in the end the server stops writes."""
    return Advice(True, "on always")


@rule("runtime-config-statistics")
def track_counts(_plan: Plan) -> Advice | None:
    """Autovacuum finds its work by these counters."""
    return Advice(True, "on always")


@rule(_AUTOVACUUM, keep=at_least)
def autovacuum_max_workers(plan: Plan) -> Advice | None:
    """How many tables can be vacuumed at once. The cost limit is shared, so it grows along."""
    cores, ram = plan.inputs.cores, plan.inputs.ram_bytes
    value = min(3 + min(cores // 16, ram // (16 * GB)), 8)
    formula = f"3 + one more for each 16 cores (of {cores}) with 16 GiB of RAM, at most 8"
    if plan.has("autovacuum_worker_slots"):
        value = min(value, plan.count("autovacuum_worker_slots"))
    return Advice(value, formula)


@rule(_AUTOVACUUM, keep=at_most)
def autovacuum_naptime(plan: Plan) -> Advice | None:
    """How often each database is looked at; busy tables need it more often than once a minute."""
    if plan.inputs.workload in (Workload.web, Workload.oltp, Workload.mixed):
        return Advice(30 * SECOND, f"30 s for {plan.inputs.workload}")
    return Advice(60 * SECOND, "60 s, the default")


@rule(_AUTOVACUUM, keep=at_most)
def autovacuum_vacuum_scale_factor(plan: Plan) -> Advice | None:
    """Vacuum a table when this share of its rows is dead: less bloat, shorter runs."""
    return _share(plan, 0.1, 0.2)


@rule(_AUTOVACUUM, keep=at_most)
def autovacuum_analyze_scale_factor(plan: Plan) -> Advice | None:
    """Renew a table's statistics when this share of its rows has changed."""
    return _share(plan, 0.05, 0.1)


@rule(_AUTOVACUUM, keep=at_most)
def autovacuum_vacuum_cost_delay(_plan: Plan) -> Advice | None:
    """Pause after each portion of work. Until 11 the default was ten times as long, and
    configurations carried over from then still say 20ms.
    """
    return Advice(2.0, "2 ms, the default since 12")


@rule(_AUTOVACUUM, keep=at_least)
def autovacuum_vacuum_cost_limit(plan: Plan) -> Advice | None:
    """A portion of work between two pauses, shared by all workers. The default was chosen for disks
    and lets vacuum fall behind on faster storage.
    """
    storage, workers = plan.inputs.storage, plan.count("autovacuum_max_workers")
    base, late = _COST_LIMIT[storage], plan.measured.tables_late or 0
    why = ""
    if late >= _MANY_LATE:
        base *= 2
        why = (
            f"{late} of {plan.measured.tables} tables have more than twice the dead rows that make"
            " autovacuum come: it does not keep up, so it may work twice as much between pauses."
        )
    limit = min(10_000, base * max(3, workers) // 3)
    if limit == plan.number("vacuum_cost_limit"):
        return Advice(-1, f"-1 = vacuum_cost_limit, {limit}, for {storage}")
    speed = limit / _DIRTY_COST * 8192 / _DELAY_SECONDS / 1e6
    return Advice(
        limit,
        f"{base} for {storage} × {workers} workers / 3: at most {speed:.0f} MB/s of changed blocks",
        why,
    )


def _share(plan: Plan, busy: float, default: float) -> Advice:
    if plan.inputs.workload is Workload.desktop:
        return Advice(default, f"{default:g}, the default")
    return Advice(busy, f"{busy:g} for {plan.inputs.workload}, half the default")
