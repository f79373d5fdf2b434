"""This machine as a database server sees it: RAM and CPUs within cgroup limits, kind of storage.

Containers are limited by control groups (v1 or v2), which ``/proc/meminfo`` and the number of
processors do not show. A limit may stand on any level, so every level up to the mount is read and
the smallest counts. Missing files are normal: they mean "no limit here".

Everything is read below a ``root`` folder, so that tests can build a machine out of files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_UNLIMITED = 1 << 60
"""cgroup v1 says "no limit" as 2^63 rounded down to a page."""
_ROOT = Path("/")
_GUEST_DISKS = ("vd", "xvd")
_GUEST_VENDORS = ("QEMU", "VMware", "Msft", "Google", "VBOX", "Virtio")
_NETWORK_NVME = ("Amazon Elastic Block Store", "PersistentDisk", "MSFT NVMe", "Oracle")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A value and where it was seen; ``None`` if it could not be."""

    value: T | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a server on this machine can use.

    Attributes:
        ram_bytes: memory, within the cgroup's limit.
        cpus: processors within affinity and CPU quota; a quota may be a fraction.
        storage: ``ssd``, ``nvme`` or ``hdd``.
        disk_free_bytes: free space where the data lie, if that is known.
        system: ``linux``, ``macos`` or ``windows``.
    """

    ram_bytes: Seen[int]
    cpus: Seen[float]
    storage: Seen[str]
    disk_free_bytes: Seen[int]
    system: str


def read_machine(
    root: Path = _ROOT, *, process: str = "self", folder: Path | None = None
) -> Machine:
    """Read this machine.

    Args:
        root: where ``proc`` and ``sys`` are found.
        process: whose limits count: ``self`` or the number of a server's process.
        folder: where the data lie; the root file system's storage is told otherwise.
    """
    place = _existing(folder or _ROOT)
    free: Seen[int] = Seen(None)
    if folder and hasattr(os, "statvfs"):
        status = os.statvfs(place)
        free = Seen(status.f_bavail * status.f_frsize, str(place))
    if not (root / "proc/meminfo").exists():
        cpus = Seen(float(os.cpu_count() or 1), "processors")
        return Machine(_ram_elsewhere(), cpus, Seen(None), free, _system())
    number = place.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    return Machine(ram(root, process), cpus_of(root, process), storage(root, device), free, "linux")


def is_postgres(process: int, root: Path = _ROOT) -> bool:
    """Whether a process of that number runs here and is PostgreSQL.

    A loopback address proves nothing: a tunnel or a container's port looks the same.
    """
    return "postgres" in _text(root / f"proc/{process}/comm")


def ram(root: Path = _ROOT, process: str = "self") -> Seen[int]:
    """Memory that a process may use, in bytes."""
    total = next(
        (
            int(line.split()[1]) * 1024
            for line in _text(root / "proc/meminfo").splitlines()
            if line.startswith("MemTotal:")
        ),
        None,
    )
    found = Seen(total, "MemTotal")
    for group in _groups(root, process, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            limit = _text(group / name)
            if limit.isdigit() and int(limit) < min(_UNLIMITED, found.value or _UNLIMITED):
                found = Seen(int(limit), f"cgroup {name}")
    return found


def cpus_of(root: Path = _ROOT, process: str = "self") -> Seen[float]:
    """Processors that a process may use: affinity and cpuset, then the CPU quota."""
    found: Seen[float] = Seen(float(os.cpu_count() or 1), "processors")
    for line in _text(root / f"proc/{process}/status").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            found = Seen(float(_count(line.partition(":")[2])), "allowed processors")
    for group in _groups(root, process, "cpu"):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        name = "cpu.max"
        if not quota:
            quota, name = _text(group / "cpu.cfs_quota_us"), "cpu.cfs_quota_us"
            period = _text(group / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            limit = int(quota) / int(period)
            if 0 < limit < (found.value or 0):
                found = Seen(round(limit, 2), f"cgroup {name}")
    return found


def storage(root: Path, device: str) -> Seen[str]:
    """The kind of storage behind a block device ``major:minor``.

    Layers (partitions, LVM, RAID, encryption) are followed down to the disks; the slowest counts.
    Virtual disks often call themselves rotational, whatever they lie on, so that is not believed.
    """
    try:
        start = (root / "sys/dev/block" / device).resolve(strict=True)
    except OSError:
        return Seen(None, "not a local block device")
    kinds = [_disk_kind(disk) for disk in _disks(start)]
    for kind in ("hdd", None, "ssd", "nvme"):
        for seen in kinds:
            if seen.value == kind:
                return seen
    return Seen(None)


def _disks(device: Path) -> Iterator[Path]:
    if (device / "partition").exists():
        device = device.parent
    below = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if not below:
        yield device
    for one in below:
        yield from _disks(one.resolve())


def _disk_kind(disk: Path) -> Seen[str]:
    rotational = _text(disk / "queue/rotational")
    if disk.name.startswith("nvme"):
        model = _text(disk / "device/model")
        network = any(word in model for word in _NETWORK_NVME)
        return Seen("ssd" if network else "nvme", f"{disk.name} {model}".strip())
    vendor = _text(disk / "device/vendor")
    guest = disk.name.startswith(_GUEST_DISKS) or vendor.startswith(_GUEST_VENDORS)
    if rotational == "0":
        return Seen("ssd", f"{disk.name} is not rotational")
    if rotational == "1" and not guest:
        return Seen("hdd", f"{disk.name} is rotational")
    return Seen(None, f"{disk.name} is a virtual disk")


def _groups(root: Path, process: str, controller: str) -> Iterator[Path]:
    """Folders of the process's control groups for a controller, from its own up to the mount."""
    mounts = _cgroup_mounts(root, process)
    for line in _text(root / f"proc/{process}/cgroup").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        # v2 has one hierarchy without a controller's name; v1 one for each controller.
        key = "" if not controllers else controller
        if key and key not in controllers.split(","):
            continue
        if key not in mounts:
            continue
        top, mounted = mounts[key]
        # Without a cgroup namespace a container sees the host's path, but only its own part is
        # mounted: cut what lies above. "/.." means that even less is visible.
        inner = path.removeprefix(mounted) if mounted != "/" else path
        folder = top / inner.strip("/") if ".." not in inner else top
        while folder != top and top in folder.parents:
            yield folder
            folder = folder.parent
        yield top


def _cgroup_mounts(root: Path, process: str) -> dict[str, tuple[Path, str]]:
    """By controller ("" for v2): where it is mounted, and which part of the hierarchy that is."""
    mounts: dict[str, tuple[Path, str]] = {}
    for line in _text(root / f"proc/{process}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = [*after.split(" ", 2), "", ""][:3]
        left = before.split(" ")
        if kind in ("cgroup", "cgroup2") and len(left) > 4:
            place = (root / left[4].lstrip("/"), left[3])
            names = ("",) if kind == "cgroup2" else options.split(",")
            for name in names:
                mounts.setdefault(name, place)
    return mounts


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _count(ranges: str) -> int:
    """How many numbers a list such as ``0-3,8`` names."""
    total = 0
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            total += int(last or first) - int(first) + 1
    return max(1, total)


def _existing(folder: Path) -> Path:
    """The folder, or what exists and may be looked at above it."""
    for place in (folder, *folder.parents):
        try:
            place.stat()
        except OSError:
            continue
        return place
    return _ROOT


def _ram_elsewhere() -> Seen[int]:
    try:
        return Seen(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "physical pages")
    except (AttributeError, OSError, ValueError):
        return Seen(None)


def _system() -> str:
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
