"""MongoDB, by the metrics of percona/mongodb_exporter."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.alerts.model import Alert, Limits


def alerts(limits: Limits) -> Iterator[Alert]:
    """The rules, those that wake somebody among them."""
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
        # Every exporter tells of all members: what was heard last counts.
        '(max by (rs_nm) (mongodb_rs_members_optimeDate{member_state="PRIMARY"})'
        " - on (rs_nm) group_right max by (rs_nm, member_idx)"
        ' (mongodb_rs_members_optimeDate{member_state="SECONDARY"})) / 1000'
        f" > {limits.lag_seconds:g}",
        "2m",
        "warning",
        "{{ $labels.member_idx }} is {{ $value | humanizeDuration }} behind the primary",
        "dbtune check: its disk, flow control, or a build of an index.",
        f"{limits.lag_seconds:g} s (--max-lag)",
    )
    yield Alert(
        "MongodbMemberUnhealthy",
        "min by (rs_nm, member_idx) (mongodb_rs_members_health) == 0",
        "2m",
        "critical",
        "{{ $labels.member_idx }} of {{ $labels.rs_nm }} can't be reached",
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
