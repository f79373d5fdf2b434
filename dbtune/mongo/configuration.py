"""``gen-config mongod``: mongod.conf from the machine, the clients and the write rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable
from dbtune.report import Report
from dbtune.server_settings import Setting, Version, commented, ram_of, report
from dbtune.server_settings import parse_version as version_of
from dbtune.text import bytes_text

if TYPE_CHECKING:
    from dbtune.mongo.session import Session

GB = 1024**3
MB = 1024**2
LEAST_RAM = GB // 2
OLDEST: Version = (4, 4)
DEFAULT_VERSION: Version = (7, 0)
RESERVED_SHARE = 0.2
"""Open files that are not for clients: mongod itself takes at most 80 % for connections."""
STACK_BYTES = MB
"""Memory that a busy connection's thread takes, at most."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the settings are made from.

    Attributes:
        ram_bytes: memory that mongod may use: the machine's, or the container's limit.
        ram_source: who said so.
        version: major and minor.
        members: how many mongod share the machine.
        clients: connections that are to come; ``None`` where nobody said.
        writes_bytes_per_hour: growth of the oplog; ``None`` where nobody said.
        replica_set: whether it is a member of one.
        ram_is_its_own: the server may use all of ``ram_bytes``; else it is what the machine has.
    """

    ram_bytes: int
    ram_source: str
    version: Version = (7, 0)
    members: int = 1
    clients: int | None = None
    writes_bytes_per_hour: float | None = None
    replica_set: bool = True
    ram_is_its_own: bool = True


def parse_version(text: str) -> Version:
    """A version of MongoDB; see :func:`dbtune.server_settings.parse_version`."""
    return version_of(text, "MongoDB", OLDEST, "7.0")


def settings(inputs: Inputs) -> Iterator[Setting]:
    """All settings by their dotted names, in the order of the file."""
    ram, members = inputs.ram_bytes, inputs.members
    cache = max(GB // 4, (ram - GB) // 2) // members
    cache = max(GB // 4, cache // (GB // 100) * (GB // 100))
    shared = f", shared by {members}" if members > 1 else ""
    yield Setting(
        "storage.wiredTiger.engineConfig.cacheSizeGB",
        f"{cache / GB:.2f}",
        "The cache of uncompressed pages; the system's own cache of the compressed files, sorts,"
        " aggregations and connections need the rest. mongod takes half of the machine's RAM even"
        " where there are several, or where a container's limit is not seen.",
        f"max(0.25, (RAM - 1 GB) / 2){shared}; {bytes_text(ram)} ({inputs.ram_source})",
        "half of the machine's RAM",
        tolerance=0.05,
        set_on_purpose=not inputs.ram_is_its_own,
    )
    if inputs.replica_set:
        yield from _oplog(inputs)
    if inputs.clients is not None:
        most = max(100, -(-inputs.clients * 13 // 10))
        yield Setting(
            "net.maxIncomingConnections",
            str(most),
            "A storm of reconnecting clients is refused, not the memory used up: each busy one"
            f" takes up to {bytes_text(STACK_BYTES)}. mongod must be allowed"
            f" {round(most / (1 - RESERVED_SHARE)):,} open files (systemd: LimitNOFILE).",
            f"{inputs.clients:,} clients and 30 % more",
            "65536",
        )
    yield Setting(
        "operationProfiling.mode",
        "off",
        "The profiler writes a document for each operation; the log tells the slow ones without.",
        "MongoDB's default",
        "off",
    )
    yield Setting(
        "operationProfiling.slowOpThresholdMs",
        "100",
        "Slower operations are logged with plan and counts: dbtune slow-queries reads them.",
        "MongoDB's default",
        "100",
        at_most=True,
    )
    yield Setting(
        "security.authorization",
        "enabled",
        "Without it everybody who reaches the port may do everything. Make the first user before:"
        " from this machine that is allowed once (localhost exception).",
        "never otherwise",
        "disabled",
    )


def _oplog(inputs: Inputs) -> Iterator[Setting]:
    rate = inputs.writes_bytes_per_hour
    if rate is not None:
        size = int(min(50 * 1024, max(990, rate * 24 / MB)))
        yield Setting(
            "replication.oplogSizeMB",
            str(size),
            "A member that is away for longer than the oplog reaches back needs everything anew."
            " (Only for a new member; else: replSetResizeOplog.)",
            f"24 h of {bytes_text(rate)} an hour, from 990 MB to 50 GB",
            "5 % of the disk",
            at_least=True,
        )
    yield Setting(
        "storage.oplogMinRetentionHours",
        "24",
        "A burst of writes does not shorten what the oplog holds: it may grow meanwhile.",
        "a night without anybody at work",
        "0",
        at_least=True,
    )


def generate(inputs: Inputs, current: Mapping[str, str] | None = None) -> Report:
    """mongod.conf, whole or what should change.

    Args:
        inputs: what it is made from.
        current: a target's settings by dotted name; ``None`` without a target.
    """
    version = ".".join(map(str, inputs.version))
    title = (
        f"For mongod.conf of MongoDB {version}, {bytes_text(inputs.ram_bytes)} of RAM; merge it"
        " with what stands there on paths, network and replication."
    )
    huge = (
        "transparent huge pages: always, which the allocator of 8.0 wants"
        if inputs.version >= (8, 0)
        else "transparent huge pages: never"
    )
    notes = (
        f"the system: XFS, {huge}, vm.swappiness = 1, vm.max_map_count at least twice the"
        " connections (128000), readahead of 8 to 32 sectors",
    )
    return report(
        "gen-config mongod",
        title,
        list(settings(inputs)),
        current,
        _write,
        "mongod.conf",
        "yaml",
        notes,
    )


def _write(chosen: Sequence[Setting], was: Mapping[str, str]) -> str:
    """YAML: each section once, in the order of the settings."""
    lines: list[str] = []
    open_path: list[str] = []
    for one in sorted(chosen, key=lambda one: one.name.split(".")[:-1]):
        *path, name = one.name.split(".")
        common = 0
        while common < min(len(path), len(open_path)) and path[common] == open_path[common]:
            common += 1
        lines += ["  " * depth + f"{path[depth]}:" for depth in range(common, len(path))]
        open_path = path
        margin = "  " * len(path)
        lines += [margin + text for text in commented(one, was[one.name])]
        value = f'"{one.value}"' if one.value in ("off", "on", "yes", "no") else one.value
        lines.append(f"{margin}{name}: {value}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said; ``None`` where nothing was said."""

    ram_bytes: int | None = None
    version: Version | None = None
    members: int = 1
    clients: int | None = None
    writes_bytes_per_hour: float | None = None


def from_options(options: Options) -> Report:
    """A whole configuration; what the options leave open is read from this machine.

    Raises:
        UsageError: the RAM is too little, or nobody knows it.
    """
    ram, source = ram_of(options.ram_bytes, None, "", LEAST_RAM)
    return generate(
        Inputs(
            ram,
            source,
            options.version or DEFAULT_VERSION,
            options.members,
            options.clients,
            options.writes_bytes_per_hour,
        )
    )


def from_session(session: Session, options: Options) -> Report:
    """What should change on a running server.

    Raises:
        UsageError: the RAM is too little, or nobody knows it.
        TargetError: the connection broke, or the user may not read the settings.
    """
    from dbtune.mongo.facts.settings import dotted

    profile = session.profile
    try:
        system = session.command("admin", {"hostInfo": 1}).get("system", {})
        given = session.command("admin", {"getCmdLineOpts": 1}).get("parsed", {})
        status = session.command("admin", {"serverStatus": 1})
        profiling = session.command(session.database or "test", {"profile": -1})
    except Unavailable as missing:
        remedy = f"\n{missing.remedy}" if missing.remedy else ""
        raise TargetError(f"{profile.name}: {missing.reason}{remedy}") from None
    told = int(system.get("memLimitMB") or system.get("memSizeMB") or 0) * MB or None
    who = "hostInfo"
    if profile.ram_bytes is not None:
        told, who = profile.ram_bytes, "the profile"
    ram, source = ram_of(options.ram_bytes, told, who, LEAST_RAM)
    inputs = Inputs(
        ram,
        source,
        parse_version(session.version),
        options.members,
        options.clients,
        options.writes_bytes_per_hour,
        replica_set="repl" in status,
        ram_is_its_own=options.ram_bytes is not None,
    )
    current = {one.name: one.default for one in settings(inputs)} | dict(dotted(given))
    cache = status.get("wiredTiger", {}).get("cache", {}).get("maximum bytes configured")
    if cache:
        current["storage.wiredTiger.engineConfig.cacheSizeGB"] = f"{cache / GB:.2f}"
    connections = status.get("connections", {})
    current["net.maxIncomingConnections"] = str(
        connections.get("current", 0) + connections.get("available", 0)
    )
    levels = {0: "off", 1: "slowOp", 2: "all"}
    current["operationProfiling.mode"] = levels.get(profiling.get("was", 0), "off")
    current["operationProfiling.slowOpThresholdMs"] = str(profiling.get("slowms", 100))
    if "security.keyFile" in current or "security.clusterAuthMode" in current:
        current["security.authorization"] = "enabled"  # a key between members implies it
    report_on = generate(inputs, current)
    return replace(report_on, target=session.target(), collected_at=session.now())
