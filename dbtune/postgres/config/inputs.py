"""What a configuration is made from, and where each value came from.

Order of trust: an option, the profile, the server itself or the machine it runs on, an assumption
that is said aloud. The RAM of a server that runs elsewhere is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbtune.errors import UsageError
from dbtune.hardware import Machine
from dbtune.postgres.config.guc import GB, MB, NEWEST, gucs
from dbtune.text import bytes_text

if TYPE_CHECKING:
    from dbtune.postgres.config.running import Running
    from dbtune.postgres.facts.instance import Instance
    from dbtune.profile import Profile


class Workload(StrEnum):
    """What the database is for."""

    web = "web"
    """A web application: many connections, short statements, mostly reads."""
    oltp = "oltp"
    """Business transactions: many connections, short statements, many writes."""
    dw = "dw"
    """Data warehouse: few connections, long analytic statements, bulk loads."""
    mixed = "mixed"
    """Transactions and reports on one server."""
    desktop = "desktop"
    """A developer's machine that does other things too."""


class Storage(StrEnum):
    """What the data lie on. Block storage in a cloud behaves as ``ssd``."""

    ssd = "ssd"
    nvme = "nvme"
    san = "san"
    hdd = "hdd"


class System(StrEnum):
    """Operating system of the server."""

    linux = "linux"
    macos = "macos"
    windows = "windows"


SMALLEST_RAM = 256 * MB
LARGEST_RAM = 128 * 1024 * GB
FEWEST_CONNECTIONS = 10
"""3 of them are kept for superusers; below that there is no server to speak of."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said; ``None`` where nothing was said."""

    ram_bytes: int | None = None
    cpus: float | None = None
    storage: Storage | None = None
    workload: Workload | None = None
    connections: int | None = None
    version: int | None = None
    system: System | None = None
    wal_disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the rules work with.

    Attributes:
        ram_bytes: memory of the server's machine or container.
        cpus: processor cores that the server may use; a container may have half a one.
        storage: what the data lie on.
        workload: what the database is for.
        version: major version of the server.
        system: operating system of the server.
        connections: client connections wanted, or ``None`` to derive them.
        wal_disk_bytes: space that pg_wal has, if known.
        sources: who said so, by field name.
    """

    ram_bytes: int
    cpus: float
    storage: Storage = Storage.ssd
    workload: Workload = Workload.web
    version: int = NEWEST
    system: System = System.linux
    connections: int | None = None
    wal_disk_bytes: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no server could run with.

        Raises:
            UsageError: a value is out of all reason, or the version is not covered.
        """
        gucs(self.version)
        if self.ram_bytes < SMALLEST_RAM:
            hint = "; is the unit missing? Write 8GB" if self.ram_bytes < MB else ""
            raise UsageError(
                f"{bytes_text(self.ram_bytes)} of RAM is too little: "
                f"{bytes_text(SMALLEST_RAM)} is the least that dbtune plans for{hint}"
            )
        if self.ram_bytes > LARGEST_RAM:
            raise UsageError(f"{bytes_text(self.ram_bytes)} of RAM can't be; is the unit right?")
        if not 0 < self.cpus <= 4096:
            raise UsageError(f"{self.cpus:g} CPUs can't be: give a number from 0.1 to 4096")

    @property
    def cores(self) -> int:
        """Whole cores: what a parallel plan can count on."""
        return max(1, int(self.cpus))


Known = dict[str, tuple[Any, str]]
"""Value and source by field name."""

_OPTION_NAMES = {
    "ram_bytes": "--ram",
    "cpus": "--cpus",
    "storage": "--storage",
    "workload": "--workload",
    "connections": "--max-connections",
    "version": "--pg-version",
    "system": "--os",
    "wal_disk_bytes": "--wal-disk",
}


def resolve(
    options: Options,
    *,
    profile: Profile | None = None,
    server: Running | None = None,
    machine: Machine | None = None,
    instance: Instance | None = None,
) -> Inputs:
    """Find every input and remember who said it.

    Args:
        options: what the user said.
        profile: the target's profile, which may carry ``ram``, ``cpus`` and ``storage``.
        server: what was read from the target.
        machine: the machine that the server runs on; ``None`` if it is out of sight.
        instance: what a snapshot tells of that machine.

    Raises:
        UsageError: RAM or CPUs of a server elsewhere are not told, or a value is impossible.
    """
    # The least trusted first: what follows wins.
    known = _assumed(options, server) | _of_machine(machine) | _of_server(server)
    known |= _of_instance(instance)
    known |= _of_profile(profile)
    for name, option in _OPTION_NAMES.items():
        if (value := getattr(options, name)) is not None:
            known[name] = (value, option)
    _refuse_extremes(options)
    _require(known, server)
    values = {name: value for name, (value, _) in known.items()}
    return Inputs(**values, sources={name: source for name, (_, source) in known.items()})


def _refuse_extremes(options: Options) -> None:
    fewest, most = FEWEST_CONNECTIONS, 262_000
    if options.connections is not None and not fewest <= options.connections <= most:
        raise UsageError(
            f"{options.connections} connections can't be: give a number from {fewest} to {most}"
        )
    if options.wal_disk_bytes is not None and options.wal_disk_bytes < GB:
        raise UsageError("--wal-disk: less than 1 GiB is no place for pg_wal; is the unit missing?")


def _assumed(options: Options, server: Running | None) -> Known:
    known: Known = {
        "storage": (Storage.ssd, "assumed"),
        "workload": (Workload.web, "assumed"),
        "version": (NEWEST, "assumed, the newest"),
        "system": (System.linux, "assumed"),
    }
    if options.ram_bytes and not server:
        # The shape of common cloud machines; parallelism and the number of connections hang on it.
        cpus = float(max(2, options.ram_bytes // (4 * GB)))
        known["cpus"] = (cpus, "assumed: one for each 4 GiB of RAM")
    return known


def _of_machine(machine: Machine | None) -> Known:
    if machine is None:
        return {}
    known: Known = {"system": (System(machine.system), "this machine")}
    for name, seen in (("ram_bytes", machine.ram_bytes), ("cpus", machine.cpus)):
        if seen.value is not None:
            known[name] = (seen.value, f"this machine, {seen.source}")
    if machine.storage.value:
        kind = Storage(machine.storage.value)
        known["storage"] = (kind, f"this machine, {machine.storage.source}")
    elif machine.storage.source:
        known["storage"] = (Storage.ssd, f"assumed, {machine.storage.source}")
    if machine.disk_free_bytes.value:
        source = f"free at {machine.disk_free_bytes.source}"
        known["wal_disk_bytes"] = (machine.disk_free_bytes.value, source)
    return known


def _of_server(server: Running | None) -> Known:
    if server is None:
        return {}
    known: Known = {
        "version": (server.major, "the server"),
        "system": (System(server.system), "the server"),
    }
    if (connections := server.value("max_connections")) is not None:
        known["connections"] = (connections, "the server")
    return known


def _of_instance(instance: Instance | None) -> Known:
    if instance is None:
        return {}
    told = {
        "ram_bytes": instance.ram_bytes,
        "cpus": instance.cpus,
        "storage": Storage(instance.storage) if instance.storage else None,
    }
    source = f"the snapshot, {instance.source}"
    return {name: (value, source) for name, value in told.items() if value is not None}


def _of_profile(profile: Profile | None) -> Known:
    if profile is None:
        return {}
    facts = {
        "ram_bytes": profile.ram_bytes,
        "cpus": profile.cpus,
        "storage": Storage(profile.storage) if profile.storage else None,
    }
    source = f"profile {profile.name}"
    return {name: (value, source) for name, value in facts.items() if value is not None}


def _require(known: Known, server: Running | None) -> None:
    wanted = (("ram_bytes", "--ram", "RAM"), ("cpus", "--cpus", "CPUs"))
    missing = [(option, word) for name, option, word in wanted if name not in known]
    if not missing:
        return
    words = " and ".join(word for _, word in missing)
    names = " and ".join(option for option, _ in missing)
    raise UsageError(
        f"dbtune can't see the {words} of {'that server' if server else 'this machine'}: "
        f"give {names}" + (", or put ram and cpus in the target's profile" if server else "")
    )
