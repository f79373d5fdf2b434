"""``gen-config redis``: redis.conf by what the server is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable
from dbtune.report import Report
from dbtune.server_settings import Setting, Version, commented, ram_of, report
from dbtune.server_settings import parse_version as version_of
from dbtune.text import bytes_text

if TYPE_CHECKING:
    from dbtune.redis.session import Session

MB = 1024**2
LEAST_RAM = 64 * MB
OLDEST: Version = (6, 0)
DEFAULT_VERSION: Version = (7, 0)
DEFAULT_CLIENTS = 10_000
OWN_FILES = 32
"""Open files that Redis keeps for itself."""


class Role(StrEnum):
    """What the server is for."""

    cache = "cache"
    """Everything in it can be had elsewhere: what is used least goes."""
    session = "session"
    """Sessions: each key has a TTL, and losing them logs everybody out."""
    store = "store"
    """The only place where the data are: nothing may be evicted or lost."""
    queue = "queue"
    """Jobs and messages: as a store, with clients that wait."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the settings are made from.

    Attributes:
        ram_bytes: memory that Redis may use: the machine's, or the container's limit.
        ram_source: who said so.
        role: what the server is for.
        cpus: processors; ``None`` where nobody said.
        version: major and minor.
        clients: connections that are to come; ``None`` where nobody said.
        ram_is_its_own: the server may use all of ``ram_bytes``; else it is what the machine has.
    """

    ram_bytes: int
    ram_source: str
    role: Role
    cpus: float | None = None
    version: Version = (7, 0)
    clients: int | None = None
    ram_is_its_own: bool = True


SHARES = {Role.cache: 0.75, Role.session: 0.6, Role.store: 0.6, Role.queue: 0.6}
"""maxmemory's share of RAM. A fork for a snapshot or a rewrite copies the pages that are written
meanwhile; fragmentation and buffers need room as well."""
POLICIES = {
    Role.cache: ("allkeys-lfu", "what is asked for least goes first"),
    Role.session: ("volatile-ttl", "the session that ends soonest goes first, and only sessions"),
    Role.store: ("noeviction", "writes fail before anything is lost"),
    Role.queue: ("noeviction", "writes fail before a job is lost"),
}


def parse_version(text: str) -> Version:
    """A version of Redis; see :func:`dbtune.server_settings.parse_version`."""
    return version_of(text, "Redis", OLDEST, "7.2")


def settings(inputs: Inputs) -> Iterator[Setting]:
    """All settings, in the order of the file."""
    yield from _memory(inputs)
    yield from _persistence(inputs)
    yield from _lazy(inputs)
    yield from _clients(inputs)
    yield from _watching()


def _memory(inputs: Inputs) -> Iterator[Setting]:
    share, role = SHARES[inputs.role], inputs.role
    limit = int(inputs.ram_bytes * share) // MB
    yield Setting(
        "maxmemory",
        f"{limit}mb",
        "Without a limit it grows until the kernel ends it, or the machine swaps. The rest is for"
        " buffers, fragmentation and, where it forks, for pages that are written meanwhile.",
        f"{share:.0%} of {bytes_text(inputs.ram_bytes)} ({inputs.ram_source})",
        "0",
        str(limit * MB),
        tolerance=0.2,
        set_on_purpose=not inputs.ram_is_its_own,
    )
    policy, why = POLICIES[role]
    yield Setting(
        "maxmemory-policy",
        policy,
        f"What happens when it is full: {why}.",
        f"for a {role}",
        "noeviction",
    )
    if inputs.version >= (7, 0):
        yield Setting(
            "maxmemory-clients",
            "5%",
            "All clients' buffers together: one that does not read its answers is cut off, not the"
            " data evicted.",
            "5% of maxmemory",
            "0",
        )


def _persistence(inputs: Inputs) -> Iterator[Setting]:
    if inputs.role is Role.cache:
        yield Setting(
            "save",
            '""',
            "No snapshots: what is lost can be had elsewhere, and each one forks and writes all of"
            " it to disk.",
            "for a cache",
            "3600 1 300 100 60 10000",
            told="",
        )
        yield Setting("appendonly", "no", "No log either.", "for a cache", "no")
        return
    yield Setting(
        "save",
        "3600 1 300 100 60 10000",
        "Snapshots for backups and quick restarts.",
        "Redis' default since 7.0",
        "3600 1 300 100 60 10000",
    )
    yield Setting(
        "appendonly",
        "yes",
        "Snapshots alone lose minutes; the log loses at most a second.",
        f"for a {inputs.role}",
        "no",
    )
    yield Setting(
        "appendfsync",
        "everysec",
        "always waits for the disk at each write, no loses what the system holds back (30 s).",
        "Redis' default",
        "everysec",
    )
    backlog = max(1, min(64, int(inputs.ram_bytes * 0.05) // MB))
    yield Setting(
        "repl-backlog-size",
        f"{backlog}mb",
        "A replica that was away for a moment gets what it missed; with too little it gets"
        " everything anew. It should hold two minutes of writes.",
        "64mb, at most 5% of RAM",
        str(MB),
        str(backlog * MB),
        at_least=True,
    )


def _lazy(inputs: Inputs) -> Iterator[Setting]:
    names = ["lazyfree-lazy-eviction", "lazyfree-lazy-expire", "lazyfree-lazy-server-del"]
    names.append("lazyfree-lazy-user-del")
    if inputs.version >= (6, 2):
        names.append("lazyfree-lazy-user-flush")
    names.append("replica-lazy-flush")
    for name in names:
        yield Setting(
            name,
            "yes",
            "Freeing a big key takes long, and everybody waits: let another thread do it.",
            "no command then waits for it; Valkey's default since 8.0",
            "no",
        )
    cpus = inputs.cpus
    if cpus is not None and cpus >= 4:
        threads = 4 if cpus >= 8 else 2
        yield Setting(
            "io-threads",
            str(threads),
            "Other threads read from and write to sockets; commands still run one after the other."
            " Worth it above some 100,000 commands a second.",
            f"{cpus:g} CPUs: 2 from 4 on, 4 from 8 on",
            "1",
        )


def _clients(inputs: Inputs) -> Iterator[Setting]:
    if inputs.clients is not None:
        most = max(100, -(-inputs.clients * 5 // 4))
        yield Setting(
            "maxclients",
            str(most),
            "One too many gets an error; a leak must not take all files. Redis must be allowed"
            f" {most + OWN_FILES} open files (systemd: LimitNOFILE).",
            f"{inputs.clients:,} clients and a quarter more",
            str(DEFAULT_CLIENTS),
        )
    yield Setting(
        "tcp-keepalive",
        "60",
        "Dead clients are noticed, and firewalls (200 to 350 s) don't forget silent ones.",
        "well below 200",
        "300",
    )
    waits = inputs.role is Role.queue
    yield Setting(
        "timeout",
        "0",
        "Idle clients stay: pools keep connections"
        + (", and consumers wait on theirs." if waits else "."),
        "Redis' default",
        "0",
    )


def _watching() -> Iterator[Setting]:
    yield Setting(
        "latency-monitor-threshold",
        "100",
        "Milliseconds. LATENCY LATEST tells what made it stand still; it costs nothing.",
        "what a client would notice",
        "0",
    )
    yield Setting(
        "slowlog-log-slower-than",
        "10000",
        "Microseconds from which a command is kept in SLOWLOG.",
        "Redis' default",
        "10000",
        at_most=True,
    )
    yield Setting(
        "slowlog-max-len",
        "1024",
        "With 128 a burst pushes out what one looks for.",
        "some hundred kilobytes",
        "128",
        at_least=True,
    )


def generate(inputs: Inputs, current: Mapping[str, str] | None = None) -> Report:
    """redis.conf, whole or what should change.

    Args:
        inputs: what it is made from.
        current: a target's settings as CONFIG GET tells them; ``None`` without a target.
    """
    version = ".".join(map(str, inputs.version))
    title = (
        f"redis.conf for Redis {version} as a {inputs.role}, {bytes_text(inputs.ram_bytes)} of RAM."
        " Include it at the end of redis.conf: include /etc/redis/dbtune.conf."
    )
    notes = [
        "the system: vm.overcommit_memory = 1 (a fork needs it), transparent huge pages madvise or"
        " never, net.core.somaxconn at least tcp-backlog (511)",
        "passwords belong into an ACL file (aclfile), one user for each application",
    ]
    if current is not None:
        notes.insert(0, "all but io-threads also work at once: CONFIG SET name value")
    if inputs.role is not Role.cache:
        notes.append(
            "where most keys are rewritten while it forks, maxmemory of 50% of RAM is safer; check"
            " tells by rdb_last_cow_size"
        )
    notes.append(
        "activedefrag yes gives memory back that deleted keys left in pieces, but only builds"
        " with Redis' own jemalloc start with it (not Debian's): try CONFIG SET activedefrag yes"
    )
    return report(
        "gen-config redis",
        title,
        list(settings(inputs)),
        current,
        _write,
        "dbtune.conf",
        "text",
        tuple(notes),
    )


def _write(chosen: Sequence[Setting], was: Mapping[str, str]) -> str:
    lines: list[str] = []
    said: list[str] = []
    for one in chosen:
        comment = commented(one, was[one.name])
        if comment != said:  # once for settings that go together
            lines += ["", *comment]
        said = comment
        lines.append(f"{one.name} {one.value}")
    return "\n".join(lines[1:]) + "\n"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said; ``None`` where nothing was said."""

    ram_bytes: int | None = None
    role: Role = Role.cache
    cpus: float | None = None
    version: Version | None = None
    clients: int | None = None


def from_options(options: Options) -> Report:
    """A whole configuration; what the options leave open is read from this machine.

    Raises:
        UsageError: the RAM is too little, or nobody knows it.
    """
    ram, source = ram_of(options.ram_bytes, None, "", LEAST_RAM)
    version = options.version or DEFAULT_VERSION
    return generate(Inputs(ram, source, options.role, options.cpus, version, options.clients))


def from_session(session: Session, options: Options) -> Report:
    """What should change on a running server.

    Raises:
        UsageError: the RAM is too little, or nobody knows it.
        TargetError: the connection broke, or the user may not read the settings.
    """
    profile, info = session.profile, session.info
    told = int(info.get("total_system_memory") or 0) or None
    who = "INFO total_system_memory; in a container give --ram"
    if profile.ram_bytes is not None:
        told, who = profile.ram_bytes, "the profile"
    ram, source = ram_of(options.ram_bytes, told, who, LEAST_RAM)
    version = parse_version(info.get("redis_version") or ".".join(map(str, DEFAULT_VERSION)))
    inputs = Inputs(
        ram,
        source,
        options.role,
        options.cpus if options.cpus is not None else profile.cpus,
        version,
        options.clients,
        ram_is_its_own=options.ram_bytes is not None,
    )
    from dbtune.redis.facts.config import config

    try:
        current = config.read(session).values
    except Unavailable as missing:
        remedy = f"\n{missing.remedy}" if missing.remedy else ""
        raise TargetError(f"{profile.name}: {missing.reason}{remedy}") from None
    return replace(generate(inputs, current), target=session.target())
