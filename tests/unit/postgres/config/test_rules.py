"""What the rules say, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dbtune.postgres.config.guc import GB, KB, MB, MINUTE, SECOND, Value
from dbtune.postgres.config.inputs import Inputs, Storage, System, Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import at_least, at_most, rules, within
from dbtune.postgres.config.rules.logging import libraries
from dbtune.postgres.config.running import Current, Running

EIGHT = Inputs(8 * GB, 4, Storage.ssd)


def value(name: str, inputs: Inputs = EIGHT, settings: Mapping[str, Value] | None = None) -> Value:
    """What a setting will be; with settings, on a server that has those."""
    has = {n: Current(v) for n, v in (settings or {}).items()}
    return Plan(inputs, Running(inputs.version, has) if has else None).value(name)


def lines(inputs: Inputs) -> set[str]:
    """Names of the settings that get a line."""
    return {one.name for one in Plan(inputs).changes}


def test_eight_gigabytes_and_an_ssd() -> None:
    """The check that the issue names."""
    plan = Plan(EIGHT)
    text = {one.name: one.guc.text(one.value) for one in plan.changes}
    assert text["shared_buffers"] == "2GB"
    assert text["effective_cache_size"] == "6GB"
    assert text["random_page_cost"] == "1.1"


@pytest.mark.parametrize("workload", [one for one in Workload if one is not Workload.desktop])
def test_shared_buffers_are_a_quarter_of_ram_for_every_server(workload: Workload) -> None:
    assert value("shared_buffers", replace(EIGHT, workload=workload)) == 2 * GB


def test_a_desktop_keeps_its_memory_for_other_things() -> None:
    desktop = replace(EIGHT, workload=Workload.desktop)
    assert value("shared_buffers", desktop) == 512 * MB
    assert value("effective_cache_size", desktop) == 2 * GB
    small = replace(desktop, ram_bytes=GB)
    assert value("shared_buffers", small) == 128 * MB  # not under the default


def test_a_given_number_of_connections_is_taken_as_it_is() -> None:
    assert value("max_connections", replace(EIGHT, connections=777)) == 777


@pytest.mark.parametrize(
    ("inputs", "connections"),
    [
        (Inputs(64 * GB, 16), 200),  # usual for web
        (Inputs(64 * GB, 2), 100),  # 50 for each core
        (Inputs(2 * GB, 4), 60),  # what fits into RAM
        (Inputs(GB, 1, workload=Workload.mixed), 20),  # with less work_mem rather than fewer
        (Inputs(512 * MB, 1), 20),
        (Inputs(64 * GB, 16, workload=Workload.dw), 40),
    ],
)
def test_connections_are_derived(inputs: Inputs, connections: int) -> None:
    assert value("max_connections", inputs) == connections


def test_connections_are_written_even_at_the_default() -> None:
    plan = Plan(replace(EIGHT, connections=100))
    assert "max_connections" in {one.name for one in plan.changes}


def test_work_mem_shrinks_with_connections_and_is_capped() -> None:
    few, many = (value("work_mem", replace(EIGHT, connections=n)) for n in (20, 400))
    assert few == 83 * MB
    assert many == MB  # the least; the worst case is over RAM then
    huge = replace(EIGHT, ram_bytes=1024 * GB)
    assert value("work_mem", huge) == 128 * MB
    assert value("work_mem", replace(huge, workload=Workload.dw)) == 2 * GB


def test_work_mem_counts_what_a_hash_takes() -> None:
    old = replace(EIGHT, version=14, connections=100)  # hash_mem_multiplier 1
    new = replace(EIGHT, version=15, connections=100)  # hash_mem_multiplier 2
    before, after = value("work_mem", old), value("work_mem", new)
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert before == pytest.approx(after * 2, rel=0.1)


def test_windows_before_18_takes_no_more_than_a_long() -> None:
    windows = Inputs(1024 * GB, 64, workload=Workload.dw, version=17, system=System.windows)
    assert value("maintenance_work_mem", windows) == 2047 * MB
    assert value("work_mem", replace(windows, connections=20)) == 2047 * MB
    assert value("maintenance_work_mem", replace(windows, version=18)) == 2 * GB


@pytest.mark.parametrize("storage", list(Storage))
def test_statements_that_read_much_are_not_led_through_indexes(storage: Storage) -> None:
    warehouse = replace(EIGHT, storage=storage, workload=Workload.dw)
    assert value("random_page_cost", warehouse) == 4
    assert value("random_page_cost", warehouse, {"random_page_cost": 1.1}) == 4


def test_a_disk_is_no_ssd() -> None:
    disk = replace(EIGHT, storage=Storage.hdd, version=17)
    assert value("random_page_cost", disk) == 4
    assert value("effective_io_concurrency", disk) == 2
    assert {"random_page_cost", "maintenance_io_concurrency"}.isdisjoint(lines(disk))
    # The default of 18 is 16; a disk's 2 would lower it.
    assert "effective_io_concurrency" not in lines(replace(disk, version=18))


@pytest.mark.parametrize("system", [System.windows, System.macos])
def test_prefetching_needs_linux_before_18(system: System) -> None:
    inputs = replace(EIGHT, system=system, version=17)
    prefetch = {"effective_io_concurrency", "maintenance_io_concurrency"}
    assert prefetch.isdisjoint(lines(inputs))
    assert prefetch <= lines(replace(inputs, version=18))


def test_io_uring_is_never_chosen() -> None:
    assert "io_method" not in rules()
    enums = ("sync", "worker", "io_uring")
    server = Running(18, {"io_method": Current("worker", enums=enums)})
    assert Plan(EIGHT, server).value("io_method") == "worker"


def test_io_workers_only_where_they_are_used() -> None:
    big = replace(EIGHT, cpus=64)
    assert value("io_workers", big) == 16
    assert "io_workers" not in lines(replace(big, version=17))
    assert value("io_workers", big, {"io_method": "io_uring", "io_workers": 3}) == 3


def test_compression_is_what_the_build_has() -> None:
    assert value("wal_compression", replace(EIGHT, version=14)) is True
    assert value("wal_compression", replace(EIGHT, version=15)) == "pglz"
    server = Running(15, {"wal_compression": Current("off", enums=("pglz", "lz4", "on", "off"))})
    assert Plan(replace(EIGHT, version=15), server).value("wal_compression") == "lz4"
    assert (
        value("wal_compression", EIGHT, {"wal_compression": "zstd"}) == "zstd"
    )  # somebody chose it


def test_the_log_fits_the_disk() -> None:
    assert value("max_wal_size", replace(EIGHT, workload=Workload.dw)) == 16 * GB
    assert value("max_wal_size", replace(EIGHT, wal_disk_bytes=5 * GB)) == 2 * GB
    assert value("min_wal_size", replace(EIGHT, wal_disk_bytes=5 * GB)) == 512 * MB
    segments = {"wal_segment_size": 64 * MB, "max_wal_size": GB, "min_wal_size": 80 * MB}
    small = replace(EIGHT, wal_disk_bytes=GB)
    assert value("min_wal_size", small, segments) == 320 * MB
    assert value("max_wal_size", small, segments) == GB


def test_checkpoint_completion_target_only_where_it_is_not_the_default() -> None:
    assert "checkpoint_completion_target" in lines(replace(EIGHT, version=13))
    assert "checkpoint_completion_target" not in lines(replace(EIGHT, version=14))


def test_parallelism_follows_the_cores() -> None:
    one = replace(EIGHT, cpus=0.5)
    assert value("max_parallel_workers_per_gather", one) == 0
    many = replace(EIGHT, cpus=64, workload=Workload.dw)
    assert value("max_parallel_workers", many) == 64
    assert value("max_worker_processes", many) == 68
    pod = replace(many, ram_bytes=GB)  # sees the host's cores
    assert value("max_parallel_workers", pod) == 8
    assert value("max_parallel_workers_per_gather", many) == 8
    assert "max_worker_processes" not in lines(EIGHT)  # the default of 8 suffices


def test_autovacuum_cost_limit_grows_with_its_workers() -> None:
    assert value("autovacuum_vacuum_cost_limit") == 600
    assert (
        value("autovacuum_vacuum_cost_limit", replace(EIGHT, cpus=64, ram_bytes=256 * GB)) == 1400
    )
    assert value("autovacuum_vacuum_cost_limit", replace(EIGHT, storage=Storage.hdd)) == -1
    assert value("autovacuum_vacuum_cost_delay", EIGHT, {"autovacuum_vacuum_cost_delay": 20.0}) == 2


def test_dangerous_settings_are_taken_back() -> None:
    off = dict.fromkeys(("fsync", "full_page_writes", "autovacuum", "track_counts"), False)
    for name in off:
        assert value(name, EIGHT, off) is True
        assert name not in lines(EIGHT)


def test_libraries_are_merged() -> None:
    name = "shared_preload_libraries"
    assert value(name) == "pg_stat_statements"
    assert value(name, EIGHT, {name: 'timescaledb,"auto_explain"'}) == (
        "timescaledb, auto_explain, pg_stat_statements"
    )
    there = "pg_stat_statements,pg_cron"
    assert value(name, EIGHT, {name: there}) == there
    assert libraries(' a, "b" ,, c') == ["a", "b", "c"]


def test_a_library_that_is_not_installed_is_not_loaded() -> None:
    settings = {"shared_preload_libraries": Current("")}
    without = Running(18, settings, extensions=frozenset({"plpgsql"}))
    assert Plan(EIGHT, without).value("shared_preload_libraries") == ""
    with_it = Running(18, settings, extensions=frozenset({"pg_stat_statements"}))
    assert Plan(EIGHT, with_it).value("shared_preload_libraries") == "pg_stat_statements"


def test_what_somebody_chose_sensibly_is_left_alone() -> None:
    chosen: dict[str, Value] = {
        "shared_buffers": int(1.8 * GB),
        "random_page_cost": 1.25,
        "log_min_duration_statement": 250,
        "log_line_prefix": "%t ",
        "max_wal_size": 50 * GB,
        "autovacuum_naptime": 10 * SECOND,
        "checkpoint_timeout": 20 * MINUTE,
        "compute_query_id": "on",
        "huge_pages": "on",
    }
    for name, old in chosen.items():
        assert value(name, EIGHT, chosen) == old, name


def test_what_a_service_owns_is_left_alone() -> None:
    settings = {"fsync": Current(False), "shared_buffers": Current(GB), "jit": Current(True)}
    changes = {
        provider: {
            one.name for one in Plan(EIGHT, Running(18, settings, provider=provider)).changes
        }
        for provider in ("", "rds", "aurora")
    }
    assert changes == {
        "": {"fsync", "shared_buffers", "jit"},
        "rds": {"shared_buffers", "jit"},
        "aurora": {"jit"},
    }


def test_what_the_server_made_of_a_default_is_not_corrected() -> None:
    automatic = Running(18, {"wal_buffers": Current(MB, "default")})
    assert Plan(EIGHT, automatic).changes == []
    chosen = Running(18, {"wal_buffers": Current(64 * KB)})
    assert [one.name for one in Plan(EIGHT, chosen).changes] == ["wal_buffers"]


def test_what_the_server_hides_is_left_alone() -> None:
    plan = Plan(EIGHT, Running(18, {"work_mem": Current(64 * KB)}))
    assert [one.name for one in plan.changes] == ["work_mem"]


def test_keepers() -> None:
    assert at_least(5, 5)
    assert not at_least(4, 5)
    assert at_most(0, 5)
    assert not at_most(-1, 5)  # -1 is "off" or "as another", not "very little"
    assert within(0.5, 2)(10, 5)
    assert not within(0.5, 2)(11, 5)


@pytest.mark.parametrize("name", sorted(rules()))
def test_every_rule_explains_itself(name: str) -> None:
    rule = rules()[name]
    assert rule.why.endswith(".")
    assert rule.group
    assert rule.document(18).startswith("https://www.postgresql.org/docs/18/runtime-config-")
