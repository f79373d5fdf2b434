"""Planner and storage."""

from __future__ import annotations

from dbtune.postgres.config.inputs import Storage, System, Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, at_least, rule, within
from dbtune.text import ratio_text

_QUERY = "runtime-config-query"
_IO = "runtime-config-resource"
_CONCURRENCY = {Storage.hdd: 2, Storage.ssd: 100, Storage.nvme: 200, Storage.san: 200}
"""Reads that the storage can work on at once."""
_MUCH_JIT = 0.1
_IN_FLIGHT = 64
"""Since 18 one process has at most so many reads in flight (io_max_concurrency)."""


@rule(_QUERY, keep=within(0.9, 1.4))
def random_page_cost(plan: Plan) -> Advice | None:
    """What a block out of order costs beside one in order. Without a moving head the difference is
    small for statements that look for a few rows; the default of 4 makes the planner shun indexes.
    """
    storage = plan.inputs.storage
    if plan.inputs.workload is Workload.dw:
        # Measured with scripts/bench/config --workloads analytic --rows 5000000, all of it cached:
        # 4 was 1.13 times as fast as 1.1, a large GROUP BY 1.8 times, nothing was slower.
        return Advice(
            4.0,
            "4 for dw",
            "Statements that read much: with less, the planner reads whole tables in the order of "
            "an index, and looks rows up one by one, where reading in order and hashing is faster.",
        )
    if storage is Storage.hdd:
        return Advice(
            4.0,
            "4 for hdd",
            "A disk moves its head for every block out of order; the cache hides most of that.",
        )
    return Advice(1.1, f"1.1 for {storage}")


@rule(_IO, keep=within(0.5, 2.5))
def effective_io_concurrency(plan: Plan) -> Advice | None:
    """How many blocks to ask for ahead, in bitmap scans (since 18 in all scans)."""
    return _prefetch(plan)


@rule(_IO, keep=within(0.5, 2.5))
def maintenance_io_concurrency(plan: Plan) -> Advice | None:
    """The same for VACUUM and for replaying the log."""
    # The default suits disks, so that theirs is not lowered to what queries get.
    return None if plan.inputs.storage is Storage.hdd else _prefetch(plan)


@rule(_IO, keep=at_least)
def io_workers(plan: Plan) -> Advice | None:
    """Processes that read for all others (io_method worker, the default of 18)."""
    if plan.value("io_method") != "worker":
        return None
    cores = plan.inputs.cores
    return Advice(max(3, cores // 4), f"cores / 4 = {cores} / 4, at least 3")


@rule(_QUERY, keep=at_least)
def default_statistics_target(plan: Plan) -> Advice | None:
    """How many common values and histogram steps ANALYZE keeps for each column."""
    if plan.inputs.workload is Workload.dw:
        return Advice(
            500,
            "500 for dw",
            "Large, skewed tables need finer statistics; long statements are worth the planning.",
        )
    return Advice(100, "100, the default")


@rule(_QUERY)
def jit(plan: Plan) -> Advice | None:
    """Compiling a statement pays off only if it runs long. A wrong row estimate makes the server
    compile short ones, for longer than they run.
    """
    share = plan.measured.jit_ratio
    if share is not None:
        if share >= _MUCH_JIT:
            return Advice(False, f"{ratio_text(share)} of execution time went into compiling")
        return None  # as it is: it costs little
    if plan.inputs.workload in (Workload.web, Workload.oltp):
        return Advice(False, f"off for {plan.inputs.workload}")
    return None


def _prefetch(plan: Plan) -> Advice | None:
    storage, version = plan.inputs.storage, plan.inputs.version
    if version < 18:
        # Needs posix_fadvise, which only Linux has; elsewhere 17 and older refuse to start.
        if plan.inputs.system is not System.linux:
            return None
        return Advice(_CONCURRENCY[storage], f"{_CONCURRENCY[storage]} for {storage}")
    if storage is Storage.hdd:
        return Advice(16, "16, the default of 18")
    return Advice(_IN_FLIGHT, f"{_IN_FLIGHT}, the most that 18 has in flight for one process")
