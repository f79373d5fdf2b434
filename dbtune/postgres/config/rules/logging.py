"""Logging and statistics."""

from __future__ import annotations

from dbtune.postgres.config.guc import MB, MINUTE, SECOND
from dbtune.postgres.config.inputs import Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, anything_but, rule

_PAGE = "runtime-config-logging"
_STATISTICS = "runtime-config-statistics"
_OFF = -1
_SLOW = {Workload.web: SECOND // 2, Workload.oltp: SECOND // 2, Workload.dw: 10 * SECOND}
MODULE = "pg_stat_statements"


@rule("runtime-config-client")
def shared_preload_libraries(plan: Plan) -> Advice | None:
    """pg_stat_statements counts what every statement costs; `dbtune slow-queries` reads it. It
    needs the contrib package, then CREATE EXTENSION pg_stat_statements. Other libraries stay.
    """
    server = plan.server
    if server is not None and server.extensions is not None and MODULE not in server.extensions:
        return None
    loaded = str(server.value("shared_preload_libraries") or "") if server else ""
    names = libraries(loaded)
    if MODULE not in names:
        names.append(MODULE)
    elif loaded:
        return Advice(loaded, "has it already")
    return Advice(", ".join(names), "what is there + pg_stat_statements")


@rule(_STATISTICS, keep=anything_but("off"))
def compute_query_id(_plan: Plan) -> Advice | None:
    """Without query identifiers pg_stat_statements counts nothing."""
    return Advice("auto", "auto: on as soon as pg_stat_statements is loaded")


@rule(_STATISTICS)
def track_io_timing(_plan: Plan) -> Advice | None:
    """Tells waiting for storage from computing, in pg_stat_statements and EXPLAIN. Costs two looks
    at the clock for each block read; pg_test_timing shows how long those take.
    """
    return Advice(True, "on always")


@rule(_PAGE, keep=anything_but(_OFF))
def log_min_duration_statement(plan: Plan) -> Advice | None:
    """Log statements that take longer, with their parameters: mind who reads the log."""
    workload = plan.inputs.workload
    value = _SLOW.get(workload, SECOND)
    return Advice(value, f"{value / SECOND:g} s for {workload}")


@rule(_PAGE)
def log_lock_waits(_plan: Plan) -> Advice | None:
    """Log who waits for a lock longer than deadlock_timeout (1 s), and for whom."""
    return Advice(True, "on always")


@rule(_PAGE, keep=anything_but(_OFF))
def log_temp_files(_plan: Plan) -> Advice | None:
    """Log sorts and hashes that did not fit into work_mem and used so much disk."""
    return Advice(10 * MB, "10 MB: smaller ones cost little")


@rule(_PAGE)
def log_checkpoints(_plan: Plan) -> Advice | None:
    """Log each checkpoint and what forced it (default since 15)."""
    return Advice(True, "on always")


@rule(_PAGE, keep=anything_but(_OFF))
def log_autovacuum_min_duration(plan: Plan) -> Advice | None:
    """Log vacuums that take longer: whether it keeps up, and what holds it back."""
    if plan.inputs.version >= 15:
        return Advice(10 * MINUTE, "10 minutes, the default since 15")
    return Advice(10 * MINUTE, "10 minutes, as is the default since 15")


@rule(_PAGE, keep=anything_but("%m [%p] "))
def log_line_prefix(_plan: Plan) -> Advice | None:
    """Adds user, database and application to the default's time and process number, so that a slow
    statement in the log tells whose it is.
    """
    return Advice("%m [%p] %q%u@%d/%a ", "default + %q%u@%d/%a")


def libraries(setting: str) -> list[str]:
    """The names in a shared_preload_libraries value; quotes around a name are its own."""
    return [name for part in setting.split(",") if (name := part.strip().strip('"'))]
