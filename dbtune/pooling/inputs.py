"""What a pool's size is derived from: every input with its unit, bounds and origin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dbtune.errors import UsageError
from dbtune.pooling.queueing import MOST_CONNECTIONS

DEFAULT = "default"
"""Origin of a value that nobody gave."""


class About(NamedTuple):
    """What an input means.

    Attributes:
        option: that gives it on the command line.
        title: in words, for people.
        unit: of the value: ``ms``, ``/s``, ``share``, or "" for a plain number.
        low: smallest value that makes sense.
        high: largest value that makes sense.
        adds: what could be derived if it were known; "" where there is a default.
    """

    option: str
    title: str
    unit: str
    low: float
    high: float
    adds: str = ""

    def refusal(self, label: str, value: float) -> str:
        """What is said of a value outside the bounds."""
        unit = "ms" if self.unit == "ms" else ""
        low, high, given = (f"{_plain(one)}{unit}" for one in (self.low, self.high, value))
        percent = self.unit == "share" and self.high < value <= 100
        hint = f": a percentage is written {given}%" if percent else ""
        return f"{label} must be between {low} and {high}, not {given}{hint}"


def _plain(number: float) -> str:
    """Without an exponent: ``0.000001``, ``86,400,000``."""
    text = f"{number:,.6f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_MOST = MOST_CONNECTIONS
_DAY_MS = 86_400_000

ABOUT: Mapping[str, About] = {
    "max_connections": About(
        "--max-connections", "server max_connections", "", 1, _MOST, "what the server allows"
    ),
    "superuser_reserved": About(
        "--superuser-reserved", "superuser_reserved_connections", "", 0, _MOST
    ),
    "reserved_connections": About(
        "--reserved", "reserved_connections (PostgreSQL 16 and later)", "", 0, _MOST
    ),
    "other_connections": About(
        "--other-connections", "others: admin, monitoring, migrations, cron", "", 0, _MOST
    ),
    "cpus": About(
        "--cpus", "CPUs of the server's machine", "", 0.01, 4096, "what the server can do at once"
    ),
    "instances": About(
        "--instances", "application instances", "", 1, 100_000, "application pools and clients"
    ),
    "workers": About("--workers", "processes per instance", "", 1, 10_000),
    "threads": About("--threads", "threads per process", "", 1, 10_000),
    "requests_per_second": About(
        "--rps", "requests per second", "/s", 1e-6, 1e9, "demand and waits"
    ),
    "hold_time_ms": About(
        "--hold-time",
        "mean time that a request holds a connection",
        "ms",
        1e-6,
        _DAY_MS,
        "demand and waits",
    ),
    "wait_share": About(
        "--wait-share",
        "share of the hold time off the CPU (w)",
        "share",
        0,
        0.999,
        "CPU use, and a cap for work that waits",
    ),
    "variance": About("--variance", "variance of the hold time (cs²)", "", 0, 1000),
    "target_wait_ms": About("--target-wait", "target for the wait, p95", "ms", 0, _DAY_MS),
    "peak_factor": About("--peak-factor", "peak rate over the given rate", "", 1, 1000),
    "poolers": About("--poolers", "PgBouncer processes side by side", "", 1, 10_000),
    "databases": About("--databases", "databases behind the pooler", "", 1, 10_000),
    "users": About("--users", "users per database", "", 1, 10_000),
    "margin": About("--margin", "share of max_connections to plan with", "share", 0.01, 1),
    "surge": About("--surge", "more instances during a deploy", "share", 0, 10),
}
"""All numeric inputs by field name, in the order in which reports list them."""

POOLER_ONLY = frozenset({"poolers", "databases", "users"})
"""Inputs that say nothing without a pooler."""


class Contended(NamedTuple):
    """What sessions that take turns at locks are like.

    Attributes:
        working: connections that wait for no lock; with more of them the locks are not busier.
        locks: that sessions queue for at once, on average; at least 1.
        queued: clients wait for a connection as well, in front of a full pool: with fewer
            connections nobody waits who did not before.
    """

    working: float
    locks: float = 1.0
    queued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolInputs:
    """Inputs of a pool plan; ``None`` means not known.

    Connections are counted, rates are per second, times in milliseconds, shares of one.

    Attributes:
        max_connections: PostgreSQL's ``max_connections``.
        superuser_reserved: ``superuser_reserved_connections`` (PostgreSQL's default is 3).
        reserved_connections: ``reserved_connections`` (since PostgreSQL 16; its default is 0).
        other_connections: server connections that are not the application's. Streaming replicas
            don't count: since PostgreSQL 12 ``max_wal_senders`` is apart from ``max_connections``.
        cpus: CPUs that the database may use; a container's quota can be a fraction.
        instances: application instances (hosts, pods, containers).
        workers: processes per instance that have a connection pool of their own.
        threads: threads per process, where a thread holds at most one connection.
        requests_per_second: of all instances together.
        hold_time_ms: mean time from taking a connection to giving it back.
        wait_share: share of the hold time in which the server's CPU does nothing for the request.
        balanced: connections that keep the scarcest resource busy, where that was measured;
            ``None`` takes it from ``wait_share``, which knows no locks.
        contended: where the load was seen to take turns at locks all the time.
        variance: squared coefficient of variation of the hold time; 1 is exponential.
        target_wait_ms: 95 % of requests should wait no longer for a connection; ``None`` means
            a quarter of the hold time, at most 5 ms.
        peak_factor: peak rate divided by ``requests_per_second``.
        pooler: PgBouncer stands between application and server.
        poolers: PgBouncer processes that share the load evenly.
        databases: databases that share the load evenly: PgBouncer has a pool for each.
        users: users per database: PgBouncer has a pool for each.
        margin: share of ``max_connections`` that applications may take.
        surge: further instances that run during a rolling deploy, as a share of ``instances``.
        origins: where values come from, by field name: an option, "read from the server" ...

    Raises:
        UsageError: a value is outside the bounds of :data:`ABOUT`.
    """

    max_connections: int | None = None
    superuser_reserved: int = 3
    reserved_connections: int = 0
    other_connections: int = 5
    cpus: float | None = None
    instances: int | None = None
    workers: int = 1
    threads: int | None = None
    requests_per_second: float | None = None
    hold_time_ms: float | None = None
    wait_share: float | None = None
    balanced: float | None = None
    contended: Contended | None = None
    variance: float = 1.0
    target_wait_ms: float | None = None
    peak_factor: float = 1.0
    pooler: bool = True
    poolers: int = 1
    databases: int = 1
    users: int = 1
    margin: float = 0.8
    surge: float = 0.0
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, about in ABOUT.items():
            value = getattr(self, name)
            if value is not None and not about.low <= value <= about.high:  # also false for NaN
                raise UsageError(about.refusal(self.origins.get(name, about.option), value))

    def origin(self, name: str) -> str:
        """Where a value comes from."""
        default = type(self).__dataclass_fields__[name].default
        return self.origins.get(name, DEFAULT if getattr(self, name) == default else "given")

    @property
    def processes(self) -> int | None:
        """Application processes in normal operation."""
        return None if self.instances is None else self.instances * self.workers

    @property
    def peak_processes(self) -> int | None:
        """Application processes while a rolling deploy runs old and new instances together."""
        if self.instances is None:
            return None
        return round_up(self.instances * (1 + self.surge)) * self.workers

    @property
    def pooler_pools(self) -> int:
        """PgBouncer's pools: it keeps one for each user and database, in each process."""
        return self.poolers * self.databases * self.users

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of inputs that are not known and would add something."""
        return tuple(
            name for name, about in ABOUT.items() if about.adds and getattr(self, name) is None
        )


def round_up(value: float) -> int:
    """The next whole number, blind to binary noise: ``10 * 1.1`` is 11, not 12."""
    return math.ceil(value - 1e-9)


def round_down(value: float) -> int:
    """The whole number below, blind to binary noise: ``100 * 0.29`` is 29, not 28."""
    return math.floor(value + 1e-9)
