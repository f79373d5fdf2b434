"""The load that was observed on a server: how many connections were busy, with what, for whom.

Facts, engine-neutral: what fills them is :mod:`dbtune.postgres.load`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

from dbtune.finding import Skipped

OTHERS = "(others)"
"""Stands for the applications that there was no room for."""
FEWEST_LOOKS = 10
"""From fewer, what connections are at may be chance."""
KINDS = {
    "cpu": "on a CPU, or waiting for one",
    "io": "I/O",
    "lock": "a lock that another transaction holds",
    "latch": "an internal lock (LWLock, buffer pin)",
    "client": "the client: idle in transaction, or slow to take its rows",
    "other": "anything else: other processes, sleeping, extensions",
}
"""What a held connection can be at, by field of :class:`Use`."""


@dataclass(frozen=True, slots=True)
class Use:
    """Connections of one application, added up over all looks.

    Attributes:
        database, user, application: whose.
        connections: seen, over all looks; held or not.
        most_connections: in one look.
        held: of these, with a running statement or an open transaction.
        most_held: in one look.
        cpu, io, lock, latch, client, other: of the held ones, by :data:`KINDS`.
        on_cpu: processes that run or want to; parallel workers count, too.
        unused: connections idle since before the first look; of the last look, like the next.
        stuck: idle in a transaction since before the first look.
        idle_in_transaction_ms: the longest that one was idle in a transaction.
    """

    database: str
    user: str
    application: str
    connections: int = 0
    most_connections: int = 0
    held: int = 0
    most_held: int = 0
    cpu: int = 0
    io: int = 0
    lock: int = 0
    latch: int = 0
    client: int = 0
    other: int = 0
    on_cpu: int = 0
    unused: int = 0
    stuck: int = 0
    idle_in_transaction_ms: float = 0.0

    @property
    def who(self) -> str:
        """Application, role and database, for messages."""
        return f"{self.application or '(no application_name)'}, {self.user} in {self.database}"

    def plus(self, later: Use) -> Use:
        """Both looks together."""
        added = {
            name: getattr(self, name) + getattr(later, name)
            for name in ("connections", "held", *KINDS, "on_cpu")
        }
        return replace(
            later,
            **added,
            most_connections=max(self.most_connections, later.most_connections),
            most_held=max(self.most_held, later.most_held),
            idle_in_transaction_ms=max(self.idle_in_transaction_ms, later.idle_in_transaction_ms),
        )

    def beside(self, other: Use) -> Use:
        """Two applications taken for one: what was most in one look is then at most this."""
        return replace(
            self.plus(other),
            most_connections=self.most_connections + other.most_connections,
            most_held=self.most_held + other.most_held,
            unused=self.unused + other.unused,
            stuck=self.stuck + other.stuck,
        )


@dataclass(frozen=True, slots=True)
class Looks:
    """All connections at one look after another.

    Attributes:
        every_seconds: between two looks, on average.
        connections: at each look.
        held: of these, with a running statement or an open transaction.
        on_cpu: processes on a CPU or wanting one.
        hidden: sessions whose state this role may not see, at most in one look.
        untracked: sessions that do not tell their state (track_activities is off).
        left_open: of the held ones, those whose transaction has been idle for a minute or more.
    """

    every_seconds: float = 0.0
    connections: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    on_cpu: tuple[int, ...] = ()
    hidden: int = 0
    untracked: int = 0
    left_open: tuple[int, ...] = ()

    @property
    def busy(self) -> tuple[int, ...]:
        """Held, but not left open: a transaction that nobody ends is a leak, and no demand."""
        return tuple(
            held - left for held, left in zip_longest(self.held, self.left_open, fillvalue=0)
        )


@dataclass(frozen=True, slots=True)
class Turns:
    """Who held what others waited for: a row, or an advisory lock.

    Attributes:
        count: looks at which at least two sessions waited for such a lock.
        holders: sessions that held one, on average at these looks.
        moved: share of them that did not hold one at the look before.
    """

    count: int = 0
    holders: float = 0.0
    moved: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a database did in the observed time.

    Attributes:
        database: its name.
        transactions: ended, of all kinds.
        sessions: begun; ``None`` where that is not counted, like the next two.
        active_ms: time that they ran a statement.
        idle_in_transaction_ms: time in a transaction, waiting for the client.
        seconds: how long was counted; ``None`` if it is not known since when.
    """

    database: str
    transactions: float
    sessions: float | None = None
    active_ms: float | None = None
    idle_in_transaction_ms: float | None = None
    seconds: float | None = None

    @property
    def held_ms(self) -> float | None:
        """Time in which sessions held their connection for a transaction."""
        if self.active_ms is None or self.idle_in_transaction_ms is None:
            return None
        return self.active_ms + self.idle_in_transaction_ms


@dataclass(frozen=True, slots=True)
class Calls:
    """Statements of a user in a database: executions, their time and its square.

    Attributes:
        user, database: whose.
        calls: executions.
        total_ms: execution time.
        squares_ms2: sum of the squared execution times.
    """

    user: str
    database: str
    calls: float
    total_ms: float
    squares_ms2: float


class Room(NamedTuple):
    """Connections that the server allows.

    Attributes:
        max_connections: in all.
        superuser_reserved: of which only superusers get these.
        reserved_connections: of which only roles with ``pg_use_reserved_connections`` get these;
            0 before PostgreSQL 16.
    """

    max_connections: int
    superuser_reserved: int
    reserved_connections: int


@dataclass(frozen=True, slots=True)
class Load:
    """What was observed of a server.

    Attributes:
        seconds: observed time; 0 is one look, and what was counted so far.
        room: connections that it allows.
        looks: all connections, look by look.
        whole: all connections, over all looks.
        uses: by application, most held first; where there are very many, not all.
        turns: at locks, as far as sessions wait for any.
        work: by database.
        calls: by user and database; empty where statements are not counted.
        cpus: that the server may use, if it runs on this machine.
        cpus_from: how these were found.
        connect_ms: what it took dbtune to connect; ``None`` if not known.
        pooled: dbtune itself came through a pooler.
        skipped: what could not be observed, and why.
    """

    seconds: float
    room: Room
    looks: Looks = Looks()
    whole: Use = Use("", "", "")
    uses: tuple[Use, ...] = ()
    turns: Turns = Turns()
    work: tuple[Work, ...] = ()
    calls: tuple[Calls, ...] = ()
    cpus: float | None = None
    cpus_from: str = ""
    connect_ms: float | None = None
    pooled: bool = False
    skipped: tuple[Skipped, ...] = ()

    @property
    def count(self) -> int:
        """How often was looked."""
        return len(self.looks.held)

    @property
    def sampled(self) -> bool:
        """Whether there are enough looks to tell what connections are at."""
        return self.seen and self.count >= FEWEST_LOOKS

    @property
    def seen(self) -> bool:
        """Whether the looks show what all sessions do."""
        return self.count > 0 and not self.looks.hidden and not self.looks.untracked

    @property
    def transactions(self) -> float:
        """Of all databases."""
        return sum(one.transactions for one in self.work)

    @property
    def per_second(self) -> float | None:
        """Transactions of all databases; ``None`` if it is not known since when they count."""
        return self._rate("transactions")

    @property
    def sessions_per_second(self) -> float | None:
        """Begun, in all databases; ``None`` where that is not counted."""
        return self._rate("sessions")

    def _rate(self, what: str) -> float | None:
        known = [
            getattr(one, what) / one.seconds
            for one in self.work
            if one.seconds and getattr(one, what) is not None
        ]
        busy = sum(bool(getattr(one, what)) for one in self.work)
        return sum(known) if len(known) >= busy and known else None

    def pools(self) -> tuple[Use, ...]:
        """Uses by database and user: PgBouncer keeps a pool for each; most held first."""
        found: dict[tuple[str, str], Use] = {}
        for one in self.uses:
            key = one.database, one.user
            found[key] = found[key].beside(one) if key in found else one
        merged = (replace(one, application="") for one in found.values())
        return tuple(sorted(merged, key=lambda one: -one.held))


class Uses:
    """Collects uses look by look, in bounded room."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: dict[tuple[str, str, str], Use] = {}

    def add(self, look: Iterable[Use]) -> None:
        """Take in what was seen in one look."""
        now: dict[tuple[str, str, str], Use] = {}
        for one in look:
            key = one.database, one.user, one.application
            if key not in self._known and len(self._known) + len(now) >= self._most:
                key = OTHERS, OTHERS, OTHERS
                one = replace(one, database=OTHERS, user=OTHERS, application=OTHERS)
            now[key] = now[key].beside(one) if key in now else one
        gone = [key for key in self._known if key not in now]
        for key in gone:  # what was the last look's is no more
            self._known[key] = replace(self._known[key], unused=0, stuck=0)
        for key, one in now.items():
            self._known[key] = self._known[key].plus(one) if key in self._known else one

    def all(self) -> tuple[Use, ...]:
        """What was seen, most held first, then most connections."""
        return tuple(
            sorted(self._known.values(), key=lambda one: (-one.held, -one.connections, one.who))
        )
