"""What holds for every configuration, whatever it is made from."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import load_checks, run_checks
from dbtune.postgres.config.budget import budget
from dbtune.postgres.config.forms import Form, artifact
from dbtune.postgres.config.guc import GB, KB, MB, NEWEST, OLDEST, gucs
from dbtune.postgres.config.inputs import Inputs, Storage, System, Workload
from dbtune.postgres.config.measured import Measured
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current, Running
from dbtune.postgres.config.services import OWNED, base_number, notes, settable
from dbtune.postgres.config.trial import Trial

CHECKS = load_checks("dbtune.postgres.config.checks")

machines = st.builds(
    Inputs,
    ram_bytes=st.one_of(
        st.integers(512 * MB, 12 * 1024 * GB),
        st.integers(0, 14).map(lambda n: 512 * MB << n),
    ),
    cpus=st.one_of(st.integers(1, 512), st.floats(0.1, 4)),
    storage=st.sampled_from(Storage),
    workload=st.sampled_from(Workload),
    version=st.integers(OLDEST, NEWEST),
    system=st.sampled_from(System),
    connections=st.one_of(st.none(), st.integers(10, 5000)),
    wal_disk_bytes=st.one_of(st.none(), st.integers(GB, 4096 * GB)),
)


def some(low: float, high: float) -> st.SearchStrategy[float | None]:
    """A number, or nothing that is known."""
    return st.one_of(st.none(), st.just(0.0), st.floats(low, high))


counted = st.builds(
    Measured,
    wal_bytes_per_second=some(1, 1e9),
    wal_seconds=some(3600, 1e8),
    checkpoints=some(1, 1e6),
    requested_ratio=some(0, 1),
    wal_buffers_full_per_second=some(0, 1e4),
    temp_files=some(1, 1e9),
    temp_file_bytes=some(1, 1e12),
    temp_seconds=some(3600, 1e8),
    hit_ratio=some(0, 1),
    connections_used=st.one_of(st.none(), st.integers(1, 5000)),
    tables_late=st.one_of(st.none(), st.integers(0, 5000)),
    tables=st.integers(0, 5000),
    jit_ratio=some(0, 1),
    largest_vacuum_rows=some(1, 1e10),
)
"""Whatever a server may have counted."""


@st.composite
def servers(draw: st.DrawFn, version: int) -> Running:
    """A server with some settings changed to anything in their range."""
    settings = {n: Current(g.default, enums=g.enums) for n, g in gucs(version).items()}
    for name in draw(st.lists(st.sampled_from(sorted(settings)), max_size=12, unique=True)):
        guc = gucs(version)[name]
        if guc.kind == "bool":
            settings[name] = Current(draw(st.booleans()))
        elif guc.kind == "enum":
            settings[name] = Current(draw(st.sampled_from(guc.enums)), enums=guc.enums)
        elif guc.kind == "int":
            number = draw(st.integers(int(guc.low), int(min(guc.high, 100_000))))
            settings[name] = Current(guc.natural(number))
        elif guc.kind == "real":
            settings[name] = Current(guc.natural(draw(st.floats(guc.low, min(guc.high, 100)))))
    return Running(version, settings)


@given(machines)
def test_every_value_is_allowed_in_that_version(inputs: Inputs) -> None:
    plan = Plan(inputs)
    for one in plan.decisions:
        assert one.guc.allows(one.value), (one.name, one.value)


@given(machines)
def test_no_line_repeats_a_default(inputs: Inputs) -> None:
    for one in Plan(inputs).changes:
        assert one.value != one.guc.default or one.name == "max_connections"


@given(machines)
def test_settings_agree_with_each_other(inputs: Inputs) -> None:
    plan = Plan(inputs)
    number = plan.number
    assert 32 * MB <= number("min_wal_size") <= number("max_wal_size")
    assert number("superuser_reserved_connections") < number("max_connections")
    assert number("max_parallel_workers") <= number("max_worker_processes")
    assert number("max_parallel_workers_per_gather") <= number("max_parallel_workers")
    assert number("max_parallel_maintenance_workers") <= number("max_parallel_workers")
    assert number("shared_buffers") <= number("effective_cache_size") < inputs.ram_bytes
    assert number("work_mem") <= inputs.ram_bytes / 4
    if plan.has("autovacuum_worker_slots"):
        assert number("autovacuum_max_workers") <= number("autovacuum_worker_slots")
    if inputs.wal_disk_bytes is not None:
        assert number("max_wal_size") <= 0.41 * inputs.wal_disk_bytes


@given(machines)
def test_the_worst_case_is_within_ram_or_a_finding_says_so(inputs: Inputs) -> None:
    plan = Plan(inputs)
    memory = budget(plan)
    assert memory.certain <= memory.expected <= memory.worst
    facts = {"plan": plan, "budget": memory, "form": Form.conf, "trial": Trial("none", ())}
    findings, skipped = run_checks(CHECKS, facts)
    said = "pg.config-worst-case-over-ram" in {one.rule for one in findings}
    assert said == (memory.worst > inputs.ram_bytes)
    assert not skipped
    if inputs.connections is None:
        assert memory.fits, "connections that dbtune chose itself must fit"


@given(machines, counted, st.data())
def test_what_was_measured_keeps_the_worst_case_within_ram_where_connections_are_ours(
    inputs: Inputs, measured: Measured, data: st.DataObject
) -> None:
    """Evidence of spills, of a full server, of late vacuums raises settings, never over RAM."""
    server = data.draw(servers(inputs.version))
    known = {n: Current(g.default, enums=g.enums) for n, g in gucs(inputs.version).items()}
    known |= {name: one for name, one in server.settings.items() if name in FREE}
    plan = Plan(inputs, Running(inputs.version, known), measured)
    memory = budget(plan)
    if inputs.connections is None:
        assert memory.fits


FREE = frozenset({"work_mem", "shared_buffers", "maintenance_work_mem", "autovacuum_work_mem"})


@given(machines)
def test_the_bound_holds_when_it_is_counted_again_from_the_file(inputs: Inputs) -> None:
    """By hand and from the text alone, so that a slip in the budget shows."""
    plan = Plan(inputs)
    text = artifact(Form.conf, plan, budget(plan)).text
    conf = {n: g.text(g.default) for n, g in gucs(inputs.version).items()}
    conf |= dict(re.findall(r"^([a-z_]+) = (.*)$", text, re.MULTILINE))
    connections = int(conf["max_connections"])
    nodes = 2 if inputs.workload in (Workload.mixed, Workload.dw) else 1
    each = _bytes(conf["work_mem"]) * nodes * float(conf["hash_mem_multiplier"])
    gather = int(conf["max_parallel_workers_per_gather"])
    workers = int(conf["max_parallel_workers"]) if gather else 0
    vacuum = int(conf["autovacuum_max_workers"]) * _bytes(conf["autovacuum_work_mem"])
    total = (
        _bytes(conf["shared_buffers"])
        + (connections + workers) * (each + 5 * MB)
        + vacuum
        + _bytes(conf["maintenance_work_mem"])
    )
    assert total <= inputs.ram_bytes or "THE WORST CASE IS OVER RAM" in text


@given(machines, counted, st.data())
def test_any_server_gets_allowed_values_and_is_content_afterwards(
    inputs: Inputs, measured: Measured, data: st.DataObject
) -> None:
    """Whatever it is set to and has counted; a second run on the same counters says no more."""
    server = data.draw(servers(inputs.version))
    plan = Plan(inputs, server, measured)
    for one in plan.changes:
        assert one.guc.allows(one.value), (one.name, one.value)
    applied = dict(server.settings)
    for one in plan.changes:
        applied[one.name] = Current(one.value, enums=one.guc.enums)
    again = Plan(inputs, Running(inputs.version, applied), measured)
    assert [one.name for one in again.changes] == []


@given(machines, st.sampled_from(Form))
def test_every_form_is_plain_text_of_the_same_values(inputs: Inputs, form: Form) -> None:
    plan = Plan(inputs)
    made = artifact(form, plan, budget(plan))
    assert made.text.isascii()
    assert made.text.endswith("\n")
    kept = {*OWNED.get(form.value, ()), "shared_preload_libraries"}
    for one in plan.changes:
        assert one.name in made.text or one.name in kept


AZURE = {  # "Allowed values" of its server parameters, in their own units
    "max_connections": (25, 5000),
    "work_mem": (4096, 2097151),
    "maintenance_work_mem": (1024, 2097151),
    "autovacuum_work_mem": (-1, 2097151),
    "max_wal_size": (32, 65536),
    "min_wal_size": (32, 2097151),
    "checkpoint_timeout": (30, 86400),
    "effective_io_concurrency": (0, 1000),
    "autovacuum_vacuum_cost_limit": (-1, 10000),
    "max_parallel_maintenance_workers": (0, 64),
    "max_parallel_workers": (0, 1024),
    "max_parallel_workers_per_gather": (0, 1024),
}
AZURE_READ_ONLY = {"maintenance_io_concurrency", "wal_log_hints", "superuser_reserved_connections"}
CLOUD_SQL = {"shared_buffers": (0.1, 0.6), "effective_cache_size": (0.1, 0.7)}
"""Shares of the instance's memory: "the size range is from 10 % to 70 % of the memory"."""


@given(machines)
def test_services_get_what_they_take(inputs: Inputs) -> None:
    plan = Plan(inputs)
    azure = {one.name: one for one in settable("azure", plan)}
    assert not azure.keys() & AZURE_READ_ONLY
    for name, (low, high) in AZURE.items():
        if name in azure:
            assert low <= float(base_number(azure[name].guc, azure[name].value)) <= high, name
    if {"min_wal_size", "max_wal_size"} <= azure.keys():
        assert float(azure["min_wal_size"].value) <= float(azure["max_wal_size"].value)
    cloud = {one.name: one for one in settable("cloudsql", plan)}
    for name, (least, most) in CLOUD_SQL.items():
        if name in cloud:
            pages = int(base_number(cloud[name].guc, cloud[name].value))
            assert least <= pages * 8 * KB / inputs.ram_bytes <= most, name
    for service in ("azure", "cloudsql"):
        there = {one.name: one.value for one in settable(service, plan)}
        said = "\n".join(notes(service, plan))
        for one in plan.changes:
            assert one.name in said or one.value == there[one.name]
    for switch in json.loads(artifact(Form.rds, plan, budget(plan)).text):
        assert switch["ParameterValue"] not in ("on", "off")


def _bytes(text: str) -> float:
    match = re.fullmatch(r"([0-9]+)(kB|MB|GB|TB)", text)
    assert match, text
    return int(match[1]) * {"kB": KB, "MB": MB, "GB": GB, "TB": 1024 * GB}[match[2]]
