"""Which source of an input wins, and what is refused."""

from __future__ import annotations

import pytest

from dbtune.errors import UsageError
from dbtune.hardware import Machine, Seen
from dbtune.postgres.config.guc import GB, MB
from dbtune.postgres.config.inputs import Inputs, Options, Storage, System, Workload, resolve
from dbtune.postgres.config.running import Current, Running
from dbtune.profile import Engine, Profile
from dbtune.profile_entry import STORAGES

MACHINE = Machine(
    Seen(16 * GB, "MemTotal"), Seen(2.5, "cgroup cpu.max"), Seen("hdd", "sda"), Seen(None), "linux"
)
SERVER = Running(16, {"max_connections": Current(300)}, system="windows")
PROFILE = Profile("prod", Engine.postgresql, "test", ram_bytes=64 * GB, cpus=16, storage="nvme")


def test_options_alone() -> None:
    inputs = resolve(Options(ram_bytes=32 * GB, workload=Workload.dw))
    assert (inputs.ram_bytes, inputs.sources["ram_bytes"]) == (32 * GB, "--ram")
    assert (inputs.workload, inputs.sources["workload"]) == (Workload.dw, "--workload")
    assert inputs.cpus == 8
    assert inputs.sources["cpus"].startswith("assumed")
    assert (inputs.storage, inputs.sources["storage"]) == (Storage.ssd, "assumed")
    assert inputs.connections is None


def test_this_machine() -> None:
    inputs = resolve(Options(), machine=MACHINE)
    assert (inputs.ram_bytes, inputs.cpus, inputs.storage) == (16 * GB, 2.5, Storage.hdd)
    assert inputs.sources["cpus"] == "this machine, cgroup cpu.max"
    assert inputs.cores == 2


def test_a_disk_that_does_not_tell_is_assumed_and_said() -> None:
    machine = Machine(
        Seen(GB), Seen(2.0), Seen(None, "vda is a virtual disk"), Seen(9 * GB, "/pg"), "linux"
    )
    inputs = resolve(Options(), machine=machine)
    assert inputs.storage is Storage.ssd
    assert inputs.sources["storage"] == "assumed, vda is a virtual disk"
    assert inputs.sources["wal_disk_bytes"] == "free at /pg"


def test_the_order_of_trust() -> None:
    options = Options(cpus=4)
    inputs = resolve(options, profile=PROFILE, server=SERVER, machine=MACHINE)
    assert (inputs.ram_bytes, inputs.sources["ram_bytes"]) == (64 * GB, "profile prod")
    assert (inputs.cpus, inputs.sources["cpus"]) == (4, "--cpus")
    assert inputs.storage is Storage.nvme
    assert (inputs.version, inputs.connections) == (16, 300)
    assert inputs.system is System.windows  # what the server says about itself
    assert inputs.sources["connections"] == "the server"


def test_every_storage_of_a_profile_is_known() -> None:
    assert set(STORAGES) == set(Storage)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(), "can't see the RAM and CPUs of that server: give --ram and --cpus, or put"),
        (Options(ram_bytes=GB), "can't see the CPUs of that server: give --cpus"),
        (Options(cpus=2), "can't see the RAM of that server: give --ram"),
    ],
)
def test_hardware_of_a_server_elsewhere_is_never_guessed(options: Options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(options, server=SERVER)


def test_a_machine_that_does_not_tell() -> None:
    blind = Machine(Seen(None), Seen(4.0), Seen(None), Seen(None), "windows")
    with pytest.raises(UsageError, match=r"RAM of this machine: give --ram$"):
        resolve(Options(), machine=blind)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(ram_bytes=8), r"8 B of RAM is too little: .* Write 8GB"),
        (Options(ram_bytes=100 * MB), "256 MiB is the least"),
        (Options(ram_bytes=10**9 * GB), "is the unit right"),
        (Options(ram_bytes=GB, cpus=9999), "9999 CPUs can't be"),
        (Options(ram_bytes=GB, connections=3), "3 connections can't be"),
        (Options(ram_bytes=GB, connections=300_000), "from 10 to 262000"),
        (Options(ram_bytes=GB, version=12), "PostgreSQL 12 is not covered"),
        (Options(ram_bytes=GB, wal_disk_bytes=20), "is the unit missing"),
    ],
)
def test_impossible_inputs_are_refused(options: Options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(options)


def test_a_server_may_have_fewer_connections_than_anybody_would_ask_for() -> None:
    few = Running(16, {"max_connections": Current(5)})
    assert resolve(Options(ram_bytes=GB, cpus=1), server=few).connections == 5


def test_half_a_cpu_is_one_core() -> None:
    assert Inputs(GB, 0.5).cores == 1
