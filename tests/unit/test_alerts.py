"""Generated alert rules: a file that Prometheus reads, with thresholds from the plan."""

from __future__ import annotations

import re
from typing import Any

import promql_parser
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbtune.alerts import Exporter, generate
from dbtune.alerts.model import Limits
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from tests.command import dbtune

PLANNED = PoolInputs(
    requests_per_second=300, hold_time_ms=20, cpus=8, max_connections=200, instances=4, threads=8
)
_ACTIVITY = {"datname", "state", "usename", "application_name", "wait_event_type", "backend_type"}
_POOL = {"database", "user"}
_MEMBER = {"rs_nm", "rs_state", "cl_id", "cl_role", "member_idx", "member_state"}
_NODE = {"rs_nm", "rs_state", "cl_id", "cl_role"}
EXPORTED: dict[str, set[str]] = {
    # postgres_exporter 0.20.1
    "pg_up": set(),
    "pg_settings_max_connections": set(),
    "pg_settings_superuser_reserved_connections": set(),
    "pg_stat_activity_count": _ACTIVITY,
    "pg_stat_activity_max_tx_duration": _ACTIVITY,
    "pg_replication_lag_seconds": set(),
    "pg_replication_is_replica": set(),
    "pg_replication_slots_pg_wal_lsn_diff": {"slot_name", "database"},
    "pg_stat_archiver_failed_count": set(),
    "pg_stat_database_deadlocks": {"datid", "datname"},
    "pg_stat_database_temp_bytes": {"datid", "datname"},
    "pg_database_wraparound_age_datfrozenxid_seconds": {"datname"},
    # pgbouncer_exporter 0.12.1
    "pgbouncer_up": set(),
    "pgbouncer_pools_client_maxwait_seconds": _POOL,
    "pgbouncer_pools_server_active_connections": _POOL,
    "pgbouncer_pools_client_active_connections": _POOL,
    "pgbouncer_pools_client_waiting_connections": _POOL,
    # redis_exporter 1.88.0
    "redis_up": set(),
    "redis_memory_used_bytes": set(),
    "redis_memory_max_bytes": set(),
    "redis_rejected_connections_total": set(),
    "redis_connected_clients": set(),
    "redis_config_maxclients": set(),
    "redis_max_clients": set(),
    "redis_keyspace_hits_total": set(),
    "redis_keyspace_misses_total": set(),
    "redis_rdb_last_bgsave_status": set(),
    "redis_aof_last_write_status": set(),
    "redis_master_link_up": {"master_host", "master_port"},
    "redis_allocator_frag_ratio": set(),
    "redis_allocator_frag_bytes": set(),
    # Percona's mongodb_exporter 0.53.0: names are made of the server's own
    "mongodb_up": {"cluster_role"},
    "mongodb_ss_connections": _NODE | {"conn_type"},
    "mongodb_rs_members_optimeDate": _MEMBER,
    "mongodb_rs_members_health": _MEMBER,
    "mongodb_ss_wt_cache_tracked_dirty_bytes_in_the_cache": _NODE,
    "mongodb_ss_wt_cache_bytes_currently_in_the_cache": _NODE,
    "mongodb_ss_wt_cache_maximum_bytes_configured": _NODE,
    "mongodb_ss_metrics_queryExecutor_scannedObjects": _NODE,
    "mongodb_ss_metrics_document": _NODE | {"doc_op_type"},
}
"""What the exporters' sources export, with their labels; Prometheus adds instance and job."""
PLANNED_LIMITS = Limits(derive(PLANNED))
DURATION = re.compile(r"\d+(s|m|h)")


def rules(report_text: str) -> dict[str, Any]:
    """The rules of a file by their names; fails where Prometheus would."""
    found: dict[str, Any] = {}
    for group in yaml.safe_load(report_text)["groups"]:
        for rule in group["rules"]:
            assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
            promql_parser.parse(rule["expr"])
            assert DURATION.fullmatch(rule["for"])
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert rule["alert"] not in found
            for text in rule["annotations"].values():
                assert text.count("{{") == text.count("}}")
                assert re.sub(r"\{\{ [^{}]* \}\}", "", text).count("{") == 0
            found[rule["alert"]] = rule
    return found


@given(
    st.builds(
        PoolInputs,
        max_connections=st.none() | st.integers(1, 200_000),
        cpus=st.none() | st.floats(0.1, 512),
        instances=st.none() | st.integers(1, 500) | st.just(10_000),
        threads=st.none() | st.integers(1, 500),
        requests_per_second=st.none() | st.floats(0.001, 1e6),
        hold_time_ms=st.none() | st.floats(0.01, 600_000),
    ),
    st.floats(1, 86_400),
    st.floats(0.1, 86_400),
)
def test_every_file_is_one_that_prometheus_reads(
    inputs: PoolInputs, request: float, lag: float
) -> None:
    report = generate(list(Exporter), Limits(derive(inputs), request, lag))
    found = rules(report.artifacts[0].text)
    assert {row["alert"] for row in report.tables[0].rows} == found.keys()


def test_rules_ask_only_for_what_exporters_export() -> None:
    asked = set()
    for rule in rules(generate(list(Exporter), PLANNED_LIMITS).artifacts[0].text).values():
        expression = re.sub(r'"[^"]*"', '""', rule["expr"])
        names = set(re.findall(r"\b(?:pg|pgbouncer|redis|mongodb)_\w+", expression))
        known = {"instance", "job"}.union(*(EXPORTED[name] for name in names))
        labels = {
            label.strip()
            for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
            for label in listed.split(",")
        }
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
        for text in rule["annotations"].values():
            labels |= set(re.findall(r"\$labels\.(\w+)", text))
        assert labels <= known, rule["alert"]
        asked |= names
    assert asked <= EXPORTED.keys()


def test_what_is_planned_is_no_alarm() -> None:
    # Of 197 connections 80 % are 157; planned are 160, and 5 for others.
    full = derive(
        PoolInputs(
            max_connections=200,
            instances=20,
            requests_per_second=2000,
            hold_time_ms=40,
            pooler=False,
        )
    )
    assert full.server_connections == 160
    made = generate([Exporter.postgresql], Limits(full)).artifacts[0].text
    assert rules(made)["PostgresConnectionsNearLimit"]["expr"].endswith("> 165")
    waits = derive(
        PoolInputs(requests_per_second=1000, hold_time_ms=20, cpus=8, wait_share=0.8, instances=5)
    )
    made = generate(list(Exporter), Limits(waits)).artifacts[0].text
    assert waits.pool_size == 47
    assert rules(made)["PostgresManyActive"]["expr"].endswith("> 60")  # 1.5 · 8 / (1 - 0.8)


def test_thresholds_come_from_the_plan() -> None:
    plan = derive(PLANNED)
    assert plan.pool_size is not None
    made = rules(generate(list(Exporter), Limits(plan)).artifacts[0].text)
    saturated = made["PgbouncerPoolSaturated"]["expr"]
    assert saturated.endswith(f"> {int(0.85 * plan.pool_size)}")
    assert made["PostgresConnectionsNearLimit"]["expr"].endswith("> 157")  # 0.8 * (200 - 3)
    assert made["PostgresManyActive"]["expr"].endswith("> 32")
    assert made["PgbouncerClientsAboutToFail"]["expr"].endswith(">= 7.5")  # whole seconds


def test_without_a_plan_thresholds_are_shares_of_what_servers_tell() -> None:
    report = generate(list(Exporter), Limits(derive(PoolInputs())))
    made = rules(report.artifacts[0].text)
    assert "pg_settings_max_connections" in made["PostgresConnectionsNearLimit"]["expr"]
    assert "PgbouncerPoolSaturated" not in made
    assert any("how full they are" in note for note in report.notes)


@pytest.mark.parametrize("exporter", Exporter)
def test_only_what_is_asked_for(exporter: Exporter) -> None:
    out = dbtune("gen-config", "alerts", "--engine", exporter, "-q").ok().out
    groups = yaml.safe_load(out)["groups"]
    assert [group["name"] for group in groups] == [f"dbtune-{exporter}"]
    prefix = {"postgresql": "pg"}.get(exporter, exporter)
    for rule in groups[0]["rules"]:
        # Nothing of another exporter's: it would never fire.
        names = re.findall(r"\b(?:pg|pgbouncer|redis|mongodb)_\w+", rule["expr"])
        assert names
        assert all(name.startswith(f"{prefix}_") for name in names)


def test_mistakes_get_a_sentence() -> None:
    result = dbtune("gen-config", "alerts", "--engine", "mysql")
    assert result.code == 2
    assert "mysql" in result.err
