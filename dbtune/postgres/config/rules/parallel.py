"""Parallel queries."""

from __future__ import annotations

from dbtune.postgres.config.guc import GB, MB
from dbtune.postgres.config.inputs import Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, at_least, rule
from dbtune.text import bytes_text

_PAGE = "runtime-config-resource"
_LOGICAL_WORKERS = 4
"""Default of max_logical_replication_workers, which come from the same pool."""
_RAM_PER_WORKER = 128 * MB


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
    """Workers of all parallel queries together: more than there are cores only wait for one.

    A container may see all cores of its host and have little memory.
    """
    cores, ram = plan.inputs.cores, plan.inputs.ram_bytes
    return Advice(
        max(2, min(cores, ram // _RAM_PER_WORKER)),
        f"{cores} cores, at least 2, at most one for {bytes_text(_RAM_PER_WORKER)} of RAM",
    )


@rule(_PAGE)
def max_parallel_workers_per_gather(plan: Plan) -> Advice | None:
    """Workers of one step of one query. Short statements gain nothing, and many connections already
    use all cores; one long query may have more.
    """
    cores, workload = plan.inputs.cores, plan.inputs.workload
    if cores == 1:
        return Advice(0, "none with 1 core")
    if plan.inputs.ram_bytes < GB:
        return Advice(0, "none with less than 1 GiB: each is a process with memory of its own")
    least, most = {Workload.dw: (2, 8), Workload.mixed: (1, 4)}.get(workload, (1, 2))
    value = min(max(least, min(cores // 2, most)), plan.count("max_parallel_workers"))
    return Advice(value, f"cores / 2 = {cores} / 2, from {least} to {most} for {workload}")


@rule(_PAGE)
def max_parallel_maintenance_workers(plan: Plan) -> Advice | None:
    """Workers of one index build or VACUUM; they share maintenance_work_mem."""
    cores = plan.inputs.cores
    if cores == 1:
        return Advice(0, "none with 1 core")
    value = min(max(2, min(cores // 2, 4)), plan.count("max_parallel_workers"))
    return Advice(value, f"cores / 2 = {cores} / 2, from 2 to 4")
