"""What memory a configuration can come to use: certainly, normally, at worst.

The worst case is a bound, not a forecast: every connection and every parallel worker runs a
statement at the same moment, each with its full allowance, while all autovacuum workers and one
index build run too. work_mem is chosen so that this stays below RAM (:mod:`.rules.memory`).

Sources of the constants (measured on Linux, x86-64, with the servers of tests/servers.py):

* shared memory beyond shared_buffers: ``postgres -C shared_memory_size`` of 15 to 18 for 128 MB to
  256 GB and 20 to 5000 connections; the bound used here is 0 to 8 % above.
* a connection's private memory: 1.3 to 1.5 MB when fresh, 3.7 to 4.3 MB after touching 200 tables.
* page tables: 8 bytes for every 4 kB page of shared memory that a process has touched, for each
  process, unless huge pages are in use: 2.3 MB after a scan of 1 GB.
"""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.postgres.config.guc import GB, KB, MB
from dbtune.postgres.config.inputs import Workload
from dbtune.postgres.config.plan import Plan
from dbtune.text import bytes_text, count_text

IDLE_BYTES = 2 * MB
"""Private memory of a connection that does nothing."""
BUSY_BYTES = 5 * MB
"""Private memory of a process that runs statements: catalogue caches, plans; without work_mem."""
_SLOT_BYTES = {True: 92 * KB, False: 52 * KB}
"""Shared memory for each possible connection; since 18 with its asynchronous reads, and before."""
_LOCK_BYTES = 400
"""Shared memory for each entry of the lock table."""
_DEFAULT_LOCKS = 64
_AUXILIARY_PROCESSES = 8
"""Checkpointer, writers, WAL receiver or senders, I/O workers..."""

HASH_NODES = {
    Workload.web: 1,
    Workload.oltp: 1,
    Workload.mixed: 2,
    Workload.dw: 2,
    Workload.desktop: 1,
}
"""Full hash tables (each worth ``hash_mem_multiplier`` sorts) that a statement holds at once."""
TEMP_TABLES = frozenset({Workload.dw, Workload.mixed})
"""Workloads whose sessions are expected to use temporary tables, and so temp_buffers."""
ACTIVE_PER_CORE = 4
"""Connections at work at once in normal operation. Measured with PgBouncer on two cores: pools of 4
per core came within 4 % of the best throughput on the four workloads that do not mostly wait."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the budget, in bytes.

    Attributes:
        name: what the memory is for.
        certain: in use as soon as the server has warmed up and all connections are made.
        expected: in normal operation.
        worst: when everything happens at once.
        formula: of the worst case.
    """

    name: str
    certain: float
    expected: float
    worst: float
    formula: str


@dataclass(frozen=True, slots=True)
class Budget:
    """The memory of a configuration.

    Attributes:
        ram_bytes: what there is.
        parts: what uses it.
        connections: max_connections.
        active: connections at work in the expected case.
        fitting_connections: with how many connections the worst case would fit, all else equal.
    """

    ram_bytes: int
    parts: tuple[Part, ...]
    connections: int
    active: int
    fitting_connections: int

    @property
    def certain(self) -> float:
        """Sum in bytes."""
        return sum(part.certain for part in self.parts)

    @property
    def expected(self) -> float:
        """Sum in bytes."""
        return sum(part.expected for part in self.parts)

    @property
    def worst(self) -> float:
        """Sum in bytes."""
        return sum(part.worst for part in self.parts)

    @property
    def fits(self) -> bool:
        """Whether even the worst case stays within RAM."""
        return self.worst <= self.ram_bytes


def hash_nodes(plan: Plan) -> int:
    """Full hash tables that one statement of this workload holds at once."""
    return HASH_NODES[plan.inputs.workload]


def parallel_workers(plan: Plan) -> int:
    """Parallel query workers that can run at once, in the whole server."""
    if plan.number("max_parallel_workers_per_gather") == 0:
        return 0
    return min(plan.count("max_parallel_workers"), plan.count("max_worker_processes"))


def page_table_bytes(plan: Plan) -> float:
    """Page tables that each process needs to see all of shared_buffers."""
    status = plan.server.value("huge_pages_status") if plan.server else None
    huge = status == "on" or plan.value("huge_pages") == "on"
    return 0.0 if huge else plan.number("shared_buffers") / 512


def connection_bytes(plan: Plan) -> float:
    """What one connection takes at worst, work_mem aside."""
    return _process_bytes(plan) + slot_bytes(plan) + _temp_bytes(plan)


def sorts_per_process(plan: Plan) -> float:
    """How many times work_mem one process takes at worst."""
    return hash_nodes(plan) * plan.number("hash_mem_multiplier")


def fixed_bytes(plan: Plan) -> float:
    """What the worst case holds beside connections and work_mem."""
    return (
        shared_bytes(plan)
        + _system_bytes(plan)
        + plan.count("autovacuum_max_workers") * _autovacuum_bytes(plan)
        + plan.number("maintenance_work_mem")
        + (parallel_workers(plan) + _AUXILIARY_PROCESSES) * _process_bytes(plan)
    )


def work_mem_that_fits(plan: Plan, connections: int) -> float:
    """The largest work_mem with which the worst case of so many connections stays within RAM."""
    room = plan.inputs.ram_bytes - fixed_bytes(plan) - connections * connection_bytes(plan)
    return room / ((connections + parallel_workers(plan)) * sorts_per_process(plan))


def connections_that_fit(plan: Plan, work_mem: float) -> int:
    """With how many connections of that work_mem the worst case stays within RAM."""
    each = work_mem * sorts_per_process(plan)
    room = plan.inputs.ram_bytes - fixed_bytes(plan) - parallel_workers(plan) * each
    return max(0, int(room / (connection_bytes(plan) + each)))


def budget(plan: Plan) -> Budget:
    """Add up a plan's memory."""
    connections, work_mem = plan.count("max_connections"), plan.number("work_mem")
    active = min(connections, ACTIVE_PER_CORE * plan.inputs.cores)
    workers, process = parallel_workers(plan), _process_bytes(plan)
    each = work_mem * sorts_per_process(plan)
    slot, temp = slot_bytes(plan), _temp_bytes(plan)
    shared, system = shared_bytes(plan), _system_bytes(plan)
    vacuums, vacuum = plan.count("autovacuum_max_workers"), _autovacuum_bytes(plan)
    others = (workers + _AUXILIARY_PROCESSES) * process
    idle = (connections - active) * IDLE_BYTES
    nodes, multiplier = hash_nodes(plan), plan.number("hash_mem_multiplier")
    maintenance = plan.number("maintenance_work_mem")
    parts = (
        Part(
            "shared memory",
            shared,
            shared,
            shared,
            f"shared_buffers {bytes_text(plan.number('shared_buffers'))} + what manages them",
        ),
        Part(
            "operating system and page cache",
            system,
            system,
            system,
            "RAM / 10, at least 64 MiB, at most 4 GiB",
        ),
        Part(
            "connections",
            connections * (IDLE_BYTES + slot),
            idle + active * process + connections * slot,
            connections * (process + slot),
            f"{connections} × ({bytes_text(BUSY_BYTES)} of caches + "
            f"{bytes_text(page_table_bytes(plan))} of page tables + "
            f"{bytes_text(slot)} of slots and locks)",
        ),
        Part(
            "temporary tables",
            0,
            active * temp,
            connections * temp,
            f"{connections} × temp_buffers {bytes_text(temp)}"
            if temp
            else f"none expected for {plan.inputs.workload}",
        ),
        Part(
            "sorts and hashes",
            0,
            active * each,
            (connections + workers) * each,
            f"({connections} connections + {workers} parallel workers) × {nodes} × work_mem "
            f"{bytes_text(work_mem)} × hash_mem_multiplier {count_text(multiplier)}",
        ),
        Part(
            "autovacuum",
            0,
            vacuum,
            vacuums * vacuum,
            f"{vacuums} workers × {bytes_text(vacuum)}",
        ),
        Part(
            "index builds and VACUUM by hand",
            0,
            0,
            maintenance,
            f"one at a time × maintenance_work_mem {bytes_text(maintenance)}",
        ),
        Part(
            "other processes",
            _AUXILIARY_PROCESSES * IDLE_BYTES,
            _AUXILIARY_PROCESSES * process,
            others,
            f"({workers} parallel workers + {_AUXILIARY_PROCESSES}) × {bytes_text(process)}",
        ),
    )
    fitting = connections_that_fit(plan, work_mem)
    return Budget(plan.inputs.ram_bytes, parts, connections, active, fitting)


def shared_bytes(plan: Plan) -> float:
    """The main shared memory segment but for what grows with connections."""
    buffers = plan.number("shared_buffers")
    # Buffer headers and the mapping table take 2.15 %; log buffers and (since 17) the caches of
    # transaction status grow with shared_buffers up to a limit.
    return buffers * 1.0215 + min(80 * MB, buffers / 20 + 10 * MB)


def _system_bytes(plan: Plan) -> float:
    return max(64 * MB, min(plan.inputs.ram_bytes / 10, 4 * GB))


def slot_bytes(plan: Plan) -> float:
    """Shared memory for each possible connection: process slot, locks, predicate locks."""
    locks = max(0, plan.count("max_locks_per_transaction") - _DEFAULT_LOCKS)
    return _SLOT_BYTES[plan.inputs.version >= 18] + locks * _LOCK_BYTES


def _temp_bytes(plan: Plan) -> float:
    return plan.number("temp_buffers") if plan.inputs.workload in TEMP_TABLES else 0.0


def _process_bytes(plan: Plan) -> float:
    return BUSY_BYTES + page_table_bytes(plan)


def _autovacuum_bytes(plan: Plan) -> float:
    """One autovacuum worker; autovacuum_work_mem -1 means maintenance_work_mem."""
    own = plan.number("autovacuum_work_mem")
    return _process_bytes(plan) + (own if own >= 0 else plan.number("maintenance_work_mem"))
