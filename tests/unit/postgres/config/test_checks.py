"""Checks of configurations: when they speak and when they are silent."""

from __future__ import annotations

from dataclasses import replace

from dbtune.finding import Check, Level, load_checks
from dbtune.postgres.config.budget import budget
from dbtune.postgres.config.checks.connections_over_cpus import connections_over_cpus
from dbtune.postgres.config.checks.overridden import overridden
from dbtune.postgres.config.checks.page_tables import page_tables
from dbtune.postgres.config.checks.pending_restart import pending_restart
from dbtune.postgres.config.checks.standby_below_primary import standby_below_primary
from dbtune.postgres.config.checks.worst_case_over_ram import worst_case_over_ram
from dbtune.postgres.config.checks.would_not_start import would_not_start
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.guc import GB, KB
from dbtune.postgres.config.inputs import Inputs, System
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current, Running

EIGHT = Inputs(8 * GB, 4)


def on_server(inputs: Inputs = EIGHT, **settings: Current) -> Plan:
    return Plan(inputs, Running(inputs.version, settings))


def test_all_are_found_and_documented() -> None:
    checks = load_checks("dbtune.postgres.config.checks")
    assert len(checks) == 8
    for one in checks:
        assert one.name.startswith("pg.config-")
        assert set(one.documentation) == {"Why", "Mistaken when", "Remedy"}, one.name


def test_worst_case_over_ram() -> None:
    assert worst_case_over_ram(budget(Plan(EIGHT))) == []
    memory = budget(Plan(replace(EIGHT, connections=700)))
    (found,) = worst_case_over_ram(memory)
    assert found.level is Level.warning
    assert found.evidence["fitting_connections"] == memory.fitting_connections
    fitting = Plan(replace(EIGHT, connections=memory.fitting_connections))
    assert budget(fitting).fits
    assert found.remedy.config == f"max_connections = {memory.fitting_connections}"


def test_worst_case_is_critical_when_even_normal_work_does_not_fit() -> None:
    (found,) = worst_case_over_ram(budget(Plan(Inputs(GB, 2, connections=600))))
    assert found.level is Level.critical
    assert "even with 8 at work" in found.message


def test_connections_over_cpus() -> None:
    assert connections_over_cpus(Plan(replace(EIGHT, connections=200))) == []
    (found,) = connections_over_cpus(Plan(replace(EIGHT, connections=201)))
    assert "50 for each" in found.message
    assert connections_over_cpus(Plan(replace(EIGHT, connections=201)), per_core=60) == []


def test_page_tables() -> None:
    big = Inputs(256 * GB, 64, connections=200)
    (found,) = page_tables(Plan(big))
    assert found.evidence["page_tables_bytes"] == 64 * GB // 512 * 200
    assert found.remedy.config.startswith("vm.nr_hugepages = 3")
    assert page_tables(Plan(replace(big, connections=50))) == []
    assert page_tables(Plan(replace(big, system=System.windows))) == []
    assert page_tables(Plan(Inputs(GB, 2, connections=200))) == []  # little in absolute terms
    assert page_tables(on_server(big, huge_pages_status=Current("on"))) == []


def test_would_not_start_is_silent_about_what_is_generated() -> None:
    for check in (would_not_start, pending_restart, standby_below_primary):
        assert isinstance(check, Check)
        assert check(Plan(EIGHT)) == []
    assert overridden(Plan(EIGHT), Form.conf) == []


def test_pending_restart() -> None:
    plan = on_server(work_mem=Current(4096 * KB), shared_buffers=Current(2 * GB))
    assert pending_restart(plan) == []
    plan = on_server(
        shared_buffers=Current(2 * GB, pending_restart=True),
        max_connections=Current(100, pending_restart=True),
    )
    (found,) = pending_restart(plan)
    assert "2 settings in the file differ from" in found.message
    assert "max_connections, shared_buffers" in found.message


def test_overridden() -> None:
    plan = on_server(
        work_mem=Current(64 * KB, file="/data/postgresql.auto.conf"),
        shared_buffers=Current(GB, "command line"),
        random_page_cost=Current(4.0, "database"),
        effective_cache_size=Current(GB, file="/data/postgresql.conf"),
        fsync=Current(True, "command line"),  # needs no change
    )
    found = {one.subject: one for one in overridden(plan, Form.conf)}
    assert set(found) == {"work_mem", "shared_buffers", "random_page_cost"}
    assert found["work_mem"].remedy.sql == "ALTER SYSTEM RESET work_mem;"
    assert "ALTER DATABASE" in found["random_page_cost"].remedy.sql
    assert "Patroni" in found["shared_buffers"].remedy.text
    script = {one.subject for one in overridden(plan, Form.alter_system)}
    assert script == {"shared_buffers", "random_page_cost"}


def test_standby_below_primary() -> None:
    lower = replace(EIGHT, connections=50)
    settings = {"max_connections": Current(100), "max_worker_processes": Current(20)}
    (found,) = standby_below_primary(Plan(lower, Running(18, settings, standby=True)))
    assert found.subject == "max_connections"  # workers are kept: more does no harm
    assert standby_below_primary(Plan(lower, Running(18, settings))) == []
