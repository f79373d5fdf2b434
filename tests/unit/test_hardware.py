"""Machines made of files: cgroups of both versions, disks of all kinds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbtune.hardware import Seen, cpus_of, is_postgres, ram, read_machine, storage

GB = 1024**3
V2_MOUNT = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)


def machine(root: Path, files: dict[str, object]) -> Path:
    """A root folder with 16 GB, 8 processors, and these files."""
    always: dict[str, object] = {
        "proc/meminfo": f"MemTotal:       {16 * GB // 1024} kB\nMemFree: 1 kB\n",
        "proc/self/status": "Name:\tpython\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n",
    }
    for name, text in {**always, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return root


def test_without_limits(tmp_path: Path) -> None:
    root = machine(tmp_path, {})
    assert ram(root) == Seen(16 * GB, "MemTotal")
    assert cpus_of(root) == Seen(8.0, "allowed processors")


def test_affinity_and_cpuset(tmp_path: Path) -> None:
    root = machine(tmp_path, {"proc/self/status": "Cpus_allowed_list:\t0-1,4,6-7\n"})
    assert cpus_of(root).value == 5


def test_cgroup_v2_walks_up_to_the_mount(tmp_path: Path) -> None:
    """The limit of a pod stands above its containers; the smallest one counts."""
    group = "sys/fs/cgroup/kubepods/pod1"
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V2_MOUNT,
            "proc/self/cgroup": "0::/kubepods/pod1/container\n",
            f"{group}/container/memory.max": "max",
            f"{group}/container/cpu.max": "max 100000",
            f"{group}/memory.max": 2 * GB,
            f"{group}/cpu.max": "150000 100000",
            "sys/fs/cgroup/kubepods/memory.max": 8 * GB,
            "sys/fs/cgroup/kubepods/cpu.max": "400000 100000",
        },
    )
    assert ram(root) == Seen(2 * GB, "cgroup memory.max")
    assert cpus_of(root) == Seen(1.5, "cgroup cpu.max")


def test_cgroup_v2_memory_high_throttles_before_memory_max_kills(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V2_MOUNT,
            "proc/self/cgroup": "0::/pg\n",
            "sys/fs/cgroup/pg/memory.max": 4 * GB,
            "sys/fs/cgroup/pg/memory.high": 3 * GB,
        },
    )
    assert ram(root) == Seen(3 * GB, "cgroup memory.high")


def test_cgroup_v2_in_a_container_with_its_own_namespace(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V2_MOUNT,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": GB,
            "sys/fs/cgroup/cpu.max": "50000 100000",
        },
    )
    assert ram(root).value == GB
    assert cpus_of(root).value == 0.5


def test_cgroup_v1_in_a_container_that_sees_the_hosts_path(tmp_path: Path) -> None:
    """Docker with v1: the path is the host's, and only the container's part is mounted."""
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V1_MOUNTS.replace(" / /sys", " /docker/abc /sys"),
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/system\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": 3 * GB,
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": 200000,
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": 100000,
        },
    )
    assert ram(root) == Seen(3 * GB, "cgroup memory.limit_in_bytes")
    assert cpus_of(root) == Seen(2.0, "cgroup cpu.cfs_quota_us")


def test_cgroup_v1_without_limits(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V1_MOUNTS,
            "proc/self/cgroup": "5:memory:/user\n4:cpu,cpuacct:/user\n",
            "sys/fs/cgroup/memory/user/memory.limit_in_bytes": 9223372036854771712,
            "sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_quota_us": -1,
            "sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_period_us": 100000,
        },
    )
    assert ram(root).value == 16 * GB
    assert cpus_of(root).value == 8


def test_a_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "proc/self/mountinfo": V2_MOUNT,
        "proc/self/cgroup": "0::/a\n",
        "sys/fs/cgroup/a/memory.max": 64 * GB,
        "sys/fs/cgroup/a/cpu.max": "6400000 100000",
    }
    root = machine(tmp_path, files)
    assert (ram(root).value, cpus_of(root).value) == (16 * GB, 8)


def test_missing_and_broken_files_are_no_limit(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "proc/self/mountinfo": V2_MOUNT + "nonsense\n",
        "proc/self/cgroup": "nonsense\n0::/gone\n",
        "sys/fs/cgroup/cpu.max": "garbage",
        "sys/fs/cgroup/memory.max": "",
    }
    root = machine(tmp_path, files)
    assert (ram(root).value, cpus_of(root).value) == (16 * GB, 8)


def test_the_servers_process_has_limits_of_its_own(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "proc/77/mountinfo": V2_MOUNT,
        "proc/77/cgroup": "0::/pg\n",
        "proc/77/comm": "postgres\n",
        "proc/78/comm": "sshd\n",
        "sys/fs/cgroup/pg/memory.max": GB,
    }
    root = machine(tmp_path, files)
    assert ram(root).value == 16 * GB
    assert ram(root, "77").value == GB
    assert is_postgres(77, root)
    assert not is_postgres(78, root)
    assert not is_postgres(79, root)


def disk(root: Path, name: str, number: str, **files: str) -> Path:
    """A block device below ``sys``."""
    device = root / "sys/devices/virtual" / name
    for key, text in files.items():
        path = device / key.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    device.mkdir(parents=True, exist_ok=True)
    link = root / "sys/dev/block" / number
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(device, link.parent))
    return device


@pytest.mark.parametrize(
    ("name", "files", "kind"),
    [
        ("sda", {"queue__rotational": "1"}, "hdd"),
        ("sda", {"queue__rotational": "0"}, "ssd"),
        ("sda", {"queue__rotational": "1", "device__vendor": "QEMU"}, None),
        ("vda", {"queue__rotational": "1"}, None),
        ("xvda", {"queue__rotational": "0"}, "ssd"),
        ("nvme0n1", {"queue__rotational": "0", "device__model": "Samsung 990"}, "nvme"),
        ("nvme1n1", {"device__model": "Amazon Elastic Block Store"}, "ssd"),
        ("zram0", {}, None),
    ],
)
def test_kinds_of_disks(tmp_path: Path, name: str, files: dict[str, str], kind: str | None) -> None:
    disk(tmp_path, name, "8:0", **files)
    assert storage(tmp_path, "8:0").value == kind


def test_layers_are_followed_to_the_slowest_disk(tmp_path: Path) -> None:
    disk(tmp_path, "sda", "8:0", queue__rotational="0")
    slow = disk(tmp_path, "sdb", "8:16", queue__rotational="1")
    part = disk(tmp_path, "sda/sda1", "8:1", partition="1")
    raid = disk(tmp_path, "md0", "9:0")
    (raid / "slaves").mkdir()
    (raid / "slaves/sda1").symlink_to(part)
    assert storage(tmp_path, "9:0") == Seen("ssd", "sda is not rotational")
    (raid / "slaves/sdb").symlink_to(slow)
    assert storage(tmp_path, "9:0") == Seen("hdd", "sdb is rotational")


def test_no_block_device(tmp_path: Path) -> None:
    assert storage(tmp_path, "0:42").value is None


def test_this_machine(tmp_path: Path) -> None:
    here = read_machine(folder=tmp_path / "not/there/yet")
    assert here.ram_bytes.value
    assert here.cpus.value
    assert here.disk_free_bytes.value
    assert here.disk_free_bytes.source == str(tmp_path)
    assert read_machine().disk_free_bytes.value is None


def test_a_machine_without_proc(tmp_path: Path) -> None:
    elsewhere = read_machine(tmp_path)
    assert elsewhere.cpus.value
    assert elsewhere.storage.value is None
