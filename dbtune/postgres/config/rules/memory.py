"""Memory."""

from __future__ import annotations

from dbtune.postgres.config import budget
from dbtune.postgres.config.guc import GB, KB, MB
from dbtune.postgres.config.inputs import System, Workload
from dbtune.postgres.config.measured import time_text
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, anything_but, rule, within
from dbtune.text import bytes_text, count_text

_PAGE = "runtime-config-resource"
_WINDOWS_LIMIT = 2 * GB - KB
"""Before 18, work memory on Windows was limited by its 32-bit ``long`` (guc.h, MAX_KILOBYTES)."""
_LEAST_WORK_MEM = 1 * MB
_ROW_POINTER = 6
_HITS_ENOUGH = 0.995
_LEAST_BUFFERS = 128 * MB
_QUIET_SECONDS = 86_400.0
_IN_MEMORY = 4
"""What a sort needs in memory over its size on disk, where values are packed."""
_MOST_WORK_MEM = {
    Workload.web: 128 * MB,
    Workload.oltp: 128 * MB,
    Workload.desktop: 128 * MB,
    Workload.mixed: 512 * MB,
    Workload.dw: 2 * GB,
}


@rule(_PAGE, keep=within(0.8, 1.2))
def shared_buffers(plan: Plan) -> Advice | None:
    """The server's own cache. A quarter of RAM is where to start; what is beyond goes through the
    system's page cache, which holds the same blocks once more, so much more seldom helps.
    """
    ram = plan.inputs.ram_bytes
    if plan.inputs.workload is Workload.desktop:
        return Advice(
            max(ram // 16, min(ram // 4, 128 * MB)) // MB * MB,
            f"RAM / 16 = {bytes_text(ram)} / 16, not under the default of 128 MiB",
            "The server's own cache, small because the machine does other things too.",
        )
    quarter, hit = ram // 4 // MB * MB, plan.measured.hit_ratio
    current = plan.current("shared_buffers")
    if hit is not None and current is not None and hit >= _HITS_ENOUGH:
        size = int(current.value)
        if _LEAST_BUFFERS <= size <= quarter:
            return Advice(
                size,
                f"as it is: {hit:.2%} of blocks were found in it",
                "The server's own cache. It holds what is used, and more needs a restart.",
            )
    formula = f"RAM / 4 = {bytes_text(ram)} / 4"
    return Advice(quarter, formula + (f"; {hit:.2%} of blocks were found" if hit else ""))


@rule(_PAGE, keep=anything_but("off"))
def huge_pages(plan: Plan) -> Advice | None:
    """Huge pages save each process the page tables for shared_buffers (1/512 of it)."""
    if plan.inputs.system is not System.linux:
        return None
    return Advice("try", "always; without vm.nr_hugepages it changes nothing")


@rule("runtime-config-query", keep=within(0.67, 1.34))
def effective_cache_size(plan: Plan) -> Advice | None:
    """What the planner takes to be cached, here and by the system. No memory is reserved; too small
    a value makes index scans look expensive.
    """
    ram = plan.inputs.ram_bytes
    if plan.inputs.workload is Workload.desktop:
        return Advice(ram // 4 // MB * MB, f"RAM / 4 = {bytes_text(ram)} / 4, the rest is others'")
    return Advice(ram * 3 // 4 // MB * MB, f"RAM × 3/4 = {bytes_text(ram)} × 3/4")


@rule(_PAGE, keep=within(0.7, 1.0))
def work_mem(plan: Plan) -> Advice | None:
    """Memory of one sort; a hash gets hash_mem_multiplier times as much. As large as the worst case
    leaves room for: every connection and parallel worker uses all it may, and RAM still suffices.
    """
    connections = plan.count("max_connections")
    fitting, most = (
        budget.work_mem_that_fits(plan, connections),
        _limit(plan, _MOST_WORK_MEM[plan.inputs.workload]),
    )
    spilled = plan.measured.temp_file_bytes or 0.0
    if spilled * _IN_MEMORY > most:
        most = min(_limit(plan, spilled * _IN_MEMORY), _MOST_WORK_MEM[Workload.dw])
    held = max(_LEAST_WORK_MEM, min(fitting, most))
    step = MB if held >= 8 * MB else 64 * KB
    workers, nodes = budget.parallel_workers(plan), budget.hash_nodes(plan)
    formula = (
        f"(RAM − everything else at worst) / (({connections} connections + {workers} parallel "
        f"workers) × {nodes} × hash_mem_multiplier "
        f"{count_text(plan.number('hash_mem_multiplier'))}) = {bytes_text(max(0, fitting))}"
    )
    why, current = _spills(plan), plan.current("work_mem")
    size = int(current.value) if current else 0
    if _never_spilled(plan) and MB <= size <= held:
        return Advice(size, "as it is: nothing was written to temporary files", why)
    if fitting > most:
        formula += f", at most {bytes_text(most)} for {plan.inputs.workload}"
    elif fitting < _LEAST_WORK_MEM:
        formula += f", at least {bytes_text(_LEAST_WORK_MEM)}"
        why = (
            "RAM does not suffice for the worst case of so many connections: this is the least "
            "that ordinary sorts need. See the memory budget."
        )
    return Advice(int(held) // step * step, formula, why)


def _spills(plan: Plan) -> str:
    """What was measured of sorts and hashes that did not fit, or ""."""
    files, seconds = plan.measured.temp_files, plan.measured.temp_seconds
    if files is None or seconds is None:
        return ""
    mean = plan.measured.temp_file_bytes
    wrote = f"{files:,.0f} temporary files" + (f" of {bytes_text(mean)} on average" if mean else "")
    return (
        f"Memory of one sort; a hash gets hash_mem_multiplier times as much. {wrote} were written"
        f" in {time_text(seconds)}: sorts and hashes that did not fit. The worst case still"
        " stays within RAM; for one heavy statement SET LOCAL work_mem is better than more for all."
    )


def _never_spilled(plan: Plan) -> bool:
    measured = plan.measured
    return measured.temp_files == 0 and (measured.temp_seconds or 0) >= _QUIET_SECONDS


@rule(_PAGE, keep=within(0.5, 1.25))
def maintenance_work_mem(plan: Plan) -> Advice | None:
    """Memory of CREATE INDEX, ALTER TABLE ADD FOREIGN KEY and VACUUM by hand; few run at once."""
    ram, share = plan.inputs.ram_bytes, 8 if plan.inputs.workload is Workload.dw else 16
    if ram < GB:
        share = 32  # connections need the rest
    value = _limit(plan, max(16 * MB, min(ram // share, 2 * GB)))
    return Advice(value // MB * MB, f"RAM / {share} = {bytes_text(ram)} / {share}, at most 2 GiB")


@rule(_PAGE, keep=within(0.5, 1.25))
def autovacuum_work_mem(plan: Plan) -> Advice | None:
    """The same for each autovacuum worker. The default would give every worker as much as an index
    build.
    """
    # Until 16 dead rows took 6 bytes each in an array that could not pass 1 GB; since 17 they lie
    # in a radix tree a twentieth of that size.
    ram = plan.inputs.ram_bytes
    most = 256 * MB if plan.inputs.version >= 17 else GB
    value = _limit(plan, max(16 * MB, min(ram // 64, most)))
    formula = f"RAM / 64 = {bytes_text(ram)} / 64, from 16 MiB to {bytes_text(most)}"
    rows = plan.measured.largest_vacuum_rows
    if rows and plan.inputs.version < 17 and 2 * _ROW_POINTER * rows > value:
        value = _limit(plan, min(2 * _ROW_POINTER * rows, ram // 16, most))
        formula = (
            f"2 × 6 bytes × {rows:,.0f} dead rows of the largest table, so that its indexes are"
            f" read once; at most RAM / 16 and {bytes_text(most)}"
        )
    return Advice(value // MB * MB, formula)


def _limit(plan: Plan, value: float) -> int:
    narrow = plan.inputs.system is System.windows and plan.inputs.version < 18
    return int(min(value, _WINDOWS_LIMIT) if narrow else value)
