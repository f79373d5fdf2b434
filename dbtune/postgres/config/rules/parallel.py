"""Parallel queries."""

from __future__ import annotations

from dbtune.postgres.config.inputs import Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, at_least, rule

_PAGE = "runtime-config-resource"
_LOGICAL_WORKERS = 4
"""Default of max_logical_replication_workers, which come from the same pool."""


@rule(_PAGE, keep=at_least)
def max_worker_processes(plan: Plan) -> Advice | None:
    """All background workers: of parallel queries, of logical replication, of extensions. A standby
    needs at least as many as its primary.
    """
    workers = plan.count("max_parallel_workers")
    return Advice(
        max(8, workers + _LOGICAL_WORKERS),
        f"{workers} parallel workers + {_LOGICAL_WORKERS} for logical replication, at least 8",
    )


@rule(_PAGE)
def max_parallel_workers(plan: Plan) -> Advice | None:
    """Workers of all parallel queries together: more than there are cores only wait for one."""
    cores = plan.inputs.cores
    return Advice(max(2, cores), f"{cores} cores, at least 2")


@rule(_PAGE)
def max_parallel_workers_per_gather(plan: Plan) -> Advice | None:
    """Workers of one step of one query. Short statements gain nothing, and many connections already
    use all cores; one long query may have more.
    """
    cores, workload = plan.inputs.cores, plan.inputs.workload
    if cores == 1:
        return Advice(0, "none with 1 core")
    if workload is Workload.dw:
        value = max(2, min(cores // 2, 8))
        return Advice(value, f"cores / 2 = {cores} / 2, from 2 to 8 for dw")
    most = 4 if workload is Workload.mixed else 2
    return Advice(min(cores // 2, most), f"cores / 2 = {cores} / 2, at most {most} for {workload}")


@rule(_PAGE)
def max_parallel_maintenance_workers(plan: Plan) -> Advice | None:
    """Workers of one index build or VACUUM; they share maintenance_work_mem."""
    cores = plan.inputs.cores
    if cores == 1:
        return Advice(0, "none with 1 core")
    return Advice(max(2, min(cores // 2, 4)), f"cores / 2 = {cores} / 2, from 2 to 4")
