"""PostgreSQL, by the metrics of prometheus-community/postgres_exporter."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.alerts.model import Alert, Limits


def alerts(limits: Limits) -> Iterator[Alert]:
    """The rules, those that wake somebody among them."""
    yield Alert(
        "PostgresDown",
        "pg_up == 0",
        "1m",
        "critical",
        "PostgreSQL on {{ $labels.instance }} does not answer",
        "Look whether it runs and takes connections; dbtune check says what it refuses.",
        "any",
    )
    used = "sum by (instance) (pg_stat_activity_count)"
    plan, inputs = limits.plan, limits.plan.inputs
    if inputs.max_connections is not None:
        kept = inputs.superuser_reserved + inputs.reserved_connections
        room = inputs.max_connections - kept
        planned = (plan.server_connections or 0) + inputs.other_connections
        most = min(max(int(0.8 * room), planned), room - 1)
        yield Alert(
            "PostgresConnectionsNearLimit",
            f"{used} > {most}",
            "5m",
            "warning",
            "{{ $value }} connections of " + f"{room} on {{{{ $labels.instance }}}}",
            "dbtune check and dbtune pool-size: who holds them, and what they should be.",
            f"80 % of max_connections {inputs.max_connections} - {kept} reserved"
            + (f", or the {planned} that are planned" if most > int(0.8 * room) else ""),
        )
    else:
        room_left = "(pg_settings_max_connections - pg_settings_superuser_reserved_connections)"
        yield Alert(
            "PostgresConnectionsNearLimit",
            f"{used} / on (instance) {room_left} > 0.8",
            "5m",
            "warning",
            "{{ $value | humanizePercentage }} of the connections on {{ $labels.instance }}",
            "dbtune check and dbtune pool-size: who holds them, and what they should be.",
            "80 % of the server's max_connections - superuser_reserved_connections",
        )
    if plan.parallelism is not None:
        cap = plan.parallelism.cap
        busy = 'sum by (instance) (pg_stat_activity_count{state="active"})'
        yield Alert(
            "PostgresManyActive",
            f"{busy} > {cap}",
            "5m",
            "warning",
            "{{ $value }} sessions are active on {{ $labels.instance }}: more than it can work on",
            "dbtune check: locks, I/O or CPU; dbtune slow-queries --interval 60s.",
            f"what {inputs.cpus:g} CPUs serve well, by dbtune pool-size",
        )
    yield Alert(
        "PostgresIdleInTransaction",
        "max by (instance, datname)"
        ' (pg_stat_activity_max_tx_duration{state=~"idle in transaction.*"}) > 300',
        "1m",
        "warning",
        "A session in {{ $labels.datname }} idles in its transaction:"
        " {{ $value | humanizeDuration }}",
        "dbtune check names it; idle_in_transaction_session_timeout ends such sessions.",
        "5 min: rows that were deleted meanwhile can't be cleaned up",
    )
    yield Alert(
        "PostgresLongTransaction",
        'max by (instance, datname) (pg_stat_activity_max_tx_duration{state="active"}) > 3600',
        "1m",
        "warning",
        "A transaction in {{ $labels.datname }} runs for {{ $value | humanizeDuration }}",
        "dbtune check names it and what it holds up.",
        "1 h",
    )
    yield Alert(
        "PostgresReplicationLag",
        f"pg_replication_lag_seconds > {limits.lag_seconds:g} and on (instance)"
        " pg_replication_is_replica == 1",
        "2m",
        "warning",
        "{{ $labels.instance }} is {{ $value | humanizeDuration }} behind its primary",
        "dbtune check on the standby: a long query there, the network, or its disk.",
        f"{limits.lag_seconds:g} s (--max-lag)",
    )
    yield Alert(
        "PostgresSlotRetainsWal",
        "max by (instance, slot_name) (pg_replication_slots_pg_wal_lsn_diff) > 10 * 1024^3",
        "10m",
        "warning",
        "Slot {{ $labels.slot_name }} keeps {{ $value | humanize1024 }}B of WAL",
        "Start its consumer, or drop the slot; max_slot_wal_keep_size limits it.",
        "10 GiB",
    )
    yield Alert(
        "PostgresArchiverFails",
        "increase(pg_stat_archiver_failed_count[15m]) > 0",
        "15m",
        "critical",
        "archive_command fails on {{ $labels.instance }}: no recovery to this point, and WAL grows",
        "Look into the server's log for what archive_command says.",
        "any, for 15 min",
    )
    yield Alert(
        "PostgresDeadlocks",
        "increase(pg_stat_database_deadlocks[15m]) > 5",
        "0m",
        "warning",
        "{{ $value | humanize }} deadlocks in {{ $labels.datname }} within 15 min",
        "dbtune slow-queries --log: who blocked whom; take locks in the same order.",
        "5 in 15 min",
    )
    yield Alert(
        "PostgresTempFiles",
        "rate(pg_stat_database_temp_bytes[15m]) > 50 * 1024^2",
        "15m",
        "warning",
        "{{ $labels.datname }} writes {{ $value | humanize1024 }}B/s of temporary files",
        "dbtune slow-queries --by temp; more work_mem for those statements only.",
        "50 MiB/s",
    )
    yield Alert(
        "PostgresWraparound",
        "max by (instance, datname) (pg_database_wraparound_age_datfrozenxid_seconds) > 1e9",
        "10m",
        "critical",
        "{{ $labels.datname }} is {{ $value | humanize }} transactions from its last freeze",
        "dbtune check: what keeps VACUUM from freezing; the server stops at 2.1e9.",
        "half of the way to where the server refuses to write",
    )
