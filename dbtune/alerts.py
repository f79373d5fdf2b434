"""``gen-config alerts``: rules for Prometheus, with thresholds from the planned sizes.

Names of metrics are those of prometheus-community's postgres_exporter and pgbouncer_exporter, of
oliver006's redis_exporter, and of Percona's mongodb_exporter.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dbtune import __version__
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.timeouts import Timeouts
from dbtune.report import Artifact, Column, Report, Table
from dbtune.text import ms_text

_WIDTH = 94

RULES = Table(
    "alerts",
    "Alerts",
    (
        Column("alert", "alert", "text", "Name of the alert."),
        Column("severity", "severity", "text", "warning or critical."),
        Column("for", "for", "text", "How long it must be so.", 1),
        Column("threshold", "threshold", "text", "How the threshold came about."),
        Column("expression", "expression", "text", "In PromQL.", None),
    ),
)


class Exporter(StrEnum):
    """What is watched."""

    postgres = "postgres"
    pgbouncer = "pgbouncer"
    redis = "redis"
    mongodb = "mongodb"


NAMES = {
    Exporter.postgres: "prometheus-community/postgres_exporter",
    Exporter.pgbouncer: "prometheus-community/pgbouncer_exporter",
    Exporter.redis: "oliver006/redis_exporter",
    Exporter.mongodb: "percona/mongodb_exporter",
}


class Alert(NamedTuple):
    """One rule.

    Attributes:
        name: in the style of Prometheus' own.
        expression: in PromQL.
        lasting: how long it must be so.
        severity: ``critical`` wakes somebody.
        summary: what is wrong, for the message; Prometheus fills in ``{{ }}``.
        action: what to do first.
        threshold: how the threshold came about.
    """

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str
    action: str
    threshold: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What thresholds are derived from.

    Attributes:
        plan: the pools, as far as they are known.
        request_seconds: how long the application lets a request take.
        lag_seconds: how old a replica's answers may be.
    """

    plan: PoolPlan
    request_seconds: float = 30.0
    lag_seconds: float = 30.0

    @property
    def wait_seconds(self) -> float:
        """From which on a wait for a connection is worth a message."""
        target = self.plan.demand.target_ms / 1000 if self.plan.demand else 0.0
        return max(1.0, 10 * target)


def alerts(exporter: Exporter, limits: Limits) -> Iterator[Alert]:
    """The rules of an exporter."""
    made = {
        Exporter.postgres: _postgres,
        Exporter.pgbouncer: _pgbouncer,
        Exporter.redis: _redis,
        Exporter.mongodb: _mongodb,
    }
    yield from made[exporter](limits)


def _postgres(limits: Limits) -> Iterator[Alert]:
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
        yield Alert(
            "PostgresConnectionsNearLimit",
            f"{used} > {int(0.8 * room)}",
            "5m",
            "warning",
            "{{ $value }} connections of " + f"{room} on {{{{ $labels.instance }}}}",
            "dbtune check and dbtune pool-size: who holds them, and what they should be.",
            f"80 % of max_connections {inputs.max_connections} - {kept} reserved",
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
    if plan.setting.demand is not None and inputs.cpus is not None:
        cap = max(1, round(4 * inputs.cpus))
        busy = 'sum by (instance) (pg_stat_activity_count{state="active"})'
        yield Alert(
            "PostgresManyActive",
            f"{busy} > {cap}",
            "5m",
            "warning",
            "{{ $value }} sessions are active on {{ $labels.instance }}: more than it can work on",
            "dbtune check: locks, I/O or CPU; dbtune slow-queries --interval 60s.",
            f"4 for each of {inputs.cpus:g} CPUs",
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
        "PostgresChecksumFailure",
        "increase(pg_stat_database_checksum_failures[1h]) > 0",
        "0m",
        "critical",
        "A page of {{ $labels.datname }} is corrupt",
        "Stop writing, save the files, restore from a backup.",
        "any",
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


def _pgbouncer(limits: Limits) -> Iterator[Alert]:
    yield Alert(
        "PgbouncerDown",
        "pgbouncer_up == 0",
        "1m",
        "critical",
        "PgBouncer on {{ $labels.instance }} does not answer",
        "Every application behind it stands still: look whether it runs.",
        "any",
    )
    waiting = limits.wait_seconds
    yield Alert(
        "PgbouncerClientsWait",
        f"pgbouncer_pools_client_maxwait_seconds > {waiting:g}",
        "1m",
        "warning",
        "Clients of {{ $labels.database }} wait {{ $value | humanizeDuration }} for a connection",
        "dbtune pool-size: is the pool too small, or do transactions take too long?",
        f"{ms_text(waiting * 1000)}: ten times the target, at least 1 s",
    )
    queue = Timeouts(limits.request_seconds).queue
    yield Alert(
        "PgbouncerClientsAboutToFail",
        f"pgbouncer_pools_client_maxwait_seconds > {queue / 2:g}",
        "0m",
        "critical",
        "Clients of {{ $labels.database }} wait {{ $value | humanizeDuration }}; at "
        f"{queue} s they get an error",
        "End what holds the connections: dbtune check names long and idle transactions.",
        f"half of query_wait_timeout {queue} s",
    )
    size = limits.plan.pool_size
    if size is not None:
        most = max(1, int(0.85 * size))
        yield Alert(
            "PgbouncerPoolSaturated",
            f"pgbouncer_pools_server_active_connections > {most}",
            "5m",
            "warning",
            f"{{{{ $value }}}} of {size} connections of {{{{ $labels.database }}}} are busy",
            "At 85 % waits begin to grow fast: dbtune pool-size with the present load.",
            f"85 % of default_pool_size {size}",
        )
    clients = limits.plan.max_client_conn
    if clients is not None:
        yield Alert(
            "PgbouncerClientsNearLimit",
            "sum by (instance) (pgbouncer_pools_client_active_connections +"
            f" pgbouncer_pools_client_waiting_connections) > {int(0.85 * clients)}",
            "5m",
            "warning",
            f"{{{{ $value }}}} clients of {clients} (max_client_conn)",
            "More application processes than planned, or connections that are not given back.",
            f"85 % of max_client_conn {clients}",
        )


def _redis(limits: Limits) -> Iterator[Alert]:
    del limits
    yield Alert(
        "RedisDown",
        "redis_up == 0",
        "1m",
        "critical",
        "Redis on {{ $labels.instance }} does not answer",
        "Look whether it runs; after a kill by the kernel: maxmemory.",
        "any",
    )
    yield Alert(
        "RedisMemoryNearlyFull",
        "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9",
        "10m",
        "warning",
        "Redis on {{ $labels.instance }} uses {{ $value | humanizePercentage }} of maxmemory",
        "dbtune bloat: which keys take it; dbtune check: does the policy evict anything?",
        "90 % of maxmemory",
    )
    yield Alert(
        "RedisRejectsConnections",
        "increase(redis_rejected_connections_total[5m]) > 0",
        "0m",
        "critical",
        "Redis on {{ $labels.instance }} refused {{ $value | humanize }} connections",
        "maxclients or the limit on open files is reached: pools too large or leaking.",
        "any",
    )
    yield Alert(
        "RedisClientsNearLimit",
        "redis_connected_clients / redis_config_maxclients > 0.8",
        "5m",
        "warning",
        "Redis on {{ $labels.instance }} has {{ $value | humanizePercentage }} of its clients",
        "dbtune check: idle clients; one pool for each process.",
        "80 % of maxclients",
    )
    yield Alert(
        "RedisLowHitRatio",
        "rate(redis_keyspace_hits_total[15m]) / (rate(redis_keyspace_hits_total[15m]) +"
        " rate(redis_keyspace_misses_total[15m]) > 10) < 0.5",
        "30m",
        "warning",
        "Redis on {{ $labels.instance }} finds only {{ $value | humanizePercentage }}",
        "dbtune check says why: evictions, short TTLs, or keys that never are.",
        "50 % at more than 10 look-ups a second",
    )
    yield Alert(
        "RedisPersistenceFails",
        "redis_rdb_last_bgsave_status == 0 or redis_aof_last_write_status == 0",
        "5m",
        "critical",
        "Redis on {{ $labels.instance }} can't save: it may refuse writes; a restart loses data",
        "Its log says why: disk full, or no memory to fork (vm.overcommit_memory).",
        "any",
    )
    yield Alert(
        "RedisReplicaDisconnected",
        "redis_master_link_up == 0",
        "2m",
        "critical",
        "Replica {{ $labels.instance }} has lost its master",
        "Network, password, or an output buffer limit that is too small.",
        "any",
    )
    yield Alert(
        "RedisFragmented",
        "redis_allocator_frag_ratio > 1.5 and redis_allocator_frag_bytes > 256 * 1024^2",
        "1h",
        "warning",
        "Redis on {{ $labels.instance }} loses memory between keys (ratio {{ $value }})",
        "dbtune bloat reads it rightly and says what helps.",
        "1.5 and more than 256 MiB",
    )


def _mongodb(limits: Limits) -> Iterator[Alert]:
    yield Alert(
        "MongodbDown",
        "mongodb_up == 0",
        "1m",
        "critical",
        "MongoDB on {{ $labels.instance }} does not answer",
        "Look whether it runs and takes connections.",
        "any",
    )
    yield Alert(
        "MongodbConnectionsNearLimit",
        'mongodb_ss_connections{conn_type="current"} / on (instance)'
        ' (mongodb_ss_connections{conn_type="current"} + on (instance)'
        ' mongodb_ss_connections{conn_type="available"}) > 0.8',
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of the connections on {{ $labels.instance }}",
        "maxPoolSize times processes: dbtune gen-config pymongo derives it.",
        "80 % of what mongod accepts",
    )
    yield Alert(
        "MongodbReplicationLag",
        'max by (set, name) ((max by (set) (mongodb_rs_members_optimeDate{member_state="PRIMARY"})'
        ' - on (set) group_right mongodb_rs_members_optimeDate{member_state="SECONDARY"}) / 1000)'
        f" > {limits.lag_seconds:g}",
        "2m",
        "warning",
        "{{ $labels.name }} is {{ $value | humanizeDuration }} behind the primary",
        "dbtune check: its disk, flow control, or a build of an index.",
        f"{limits.lag_seconds:g} s (--max-lag)",
    )
    yield Alert(
        "MongodbMemberUnhealthy",
        "min by (set, name) (mongodb_rs_members_health) == 0",
        "2m",
        "critical",
        "{{ $labels.name }} of {{ $labels.set }} can't be reached",
        "One more and there is no primary.",
        "any",
    )
    yield Alert(
        "MongodbCacheDirty",
        "mongodb_ss_wt_cache_tracked_dirty_bytes_in_the_cache /"
        " mongodb_ss_wt_cache_maximum_bytes_configured > 0.15",
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of the cache on {{ $labels.instance }} is dirty",
        "The disk is slower than the writes; at 20 % applications have to evict.",
        "15 %: at 20 % applications evict pages themselves",
    )
    yield Alert(
        "MongodbCacheFull",
        "mongodb_ss_wt_cache_bytes_currently_in_the_cache /"
        " mongodb_ss_wt_cache_maximum_bytes_configured > 0.95",
        "10m",
        "critical",
        "The cache on {{ $labels.instance }} is {{ $value | humanizePercentage }} full",
        "dbtune check: who reads so much; dbtune suggest-indexes.",
        "95 %: at 80 % eviction starts, at 95 % everybody has to help",
    )
    yield Alert(
        "MongodbReadsFarMoreThanItReturns",
        "rate(mongodb_ss_metrics_queryExecutor_scannedObjects[15m]) / on (instance) (sum by"
        ' (instance) (rate(mongodb_ss_metrics_document{doc_op_type="returned"}[15m])) > 1) > 1000',
        "15m",
        "warning",
        "{{ $labels.instance }} reads {{ $value | humanize }} documents for each it returns",
        "dbtune slow-queries and dbtune suggest-indexes.",
        "1,000, as Atlas has it",
    )


def generate(exporters: Sequence[Exporter], limits: Limits) -> Report:
    """A file of rules, and the table of them."""
    groups = {one: list(alerts(one, limits)) for one in dict.fromkeys(exporters)}
    lines = [f"# Rules for Prometheus, by dbtune {__version__}. Check: promtool check rules FILE"]
    lines.append("groups:")
    for exporter, rules in groups.items():
        lines += [f"  - name: dbtune-{exporter}", f"    # metrics of {NAMES[exporter]}"]
        lines.append("    rules:")
        for rule in rules:
            lines += _written(rule)
    rows = tuple(
        {
            "alert": one.name,
            "severity": one.severity,
            "for": one.lasting,
            "threshold": one.threshold,
            "expression": one.expression,
        }
        for rules in groups.values()
        for one in rules
    )
    notes = []
    if Exporter.pgbouncer in groups and limits.plan.pool_size is None:
        notes.append(
            "the size of the pools is not known, so nothing watches how full they are: give the"
            " options of dbtune pool-size"
        )
    if Exporter.postgres in groups:
        notes.append("PostgresWraparound needs postgres_exporter --collector.database_wraparound")
    return Report(
        "gen-config alerts",
        (Table(RULES.name, RULES.title, RULES.columns, rows),),
        notes=tuple(notes),
        artifacts=(Artifact("dbtune-alerts.yml", "\n".join(lines) + "\n", "yaml"),),
    )


def _written(rule: Alert) -> list[str]:
    comment = textwrap.wrap(f"Threshold: {rule.threshold}.", _WIDTH, break_on_hyphens=False)
    return [
        *(f"      # {line}" for line in comment),
        f"      - alert: {rule.name}",
        f"        expr: {json.dumps(rule.expression, ensure_ascii=False)}",
        f"        for: {rule.lasting}",
        f"        labels: {{severity: {rule.severity}}}",
        "        annotations:",
        f"          summary: {json.dumps(rule.summary, ensure_ascii=False)}",
        f"          description: {json.dumps(rule.action, ensure_ascii=False)}",
    ]
