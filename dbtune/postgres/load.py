"""Observe the load of a PostgreSQL server: looks at its sessions, and counters before and after.

Looks are of ``pg_stat_activity``: a session that is active and waits for nothing is on a CPU or
wants to be. Ten looks are taken a second, fewer where one takes long.

Sessions report to ``pg_stat_database`` at most once a second. Since PostgreSQL 15 a transaction
that touches no table is not reported until a later one of its session does (seen on 15 to 18),
which is rare in an application but common in experiments with ``pg_sleep``.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.hardware import cpus_of, is_postgres
from dbtune.pooling.load import Calls, Load, Looks, Room, Turns, Use, Uses, Work
from dbtune.postgres.facts.databases import Database, between, databases
from dbtune.postgres.session import Row, Session
from dbtune.postgres.statements.collect import read_setup, read_statements
from dbtune.postgres.statements.facts import Entry, Reading
from dbtune.postgres.statements.interval import difference
from dbtune.statements import Wait

LOOKS_PER_SECOND = 10
MOST_LOOKS = 10_000
"""In longer observations looks are further apart."""
MOST_SHARE = 0.1
"""Of the time that looks may keep the server busy; where sessions are so many that one takes long,
they are further apart."""
MOST_GROUPS = 200
"""Applications that one look tells apart."""
LOCK_LOOK_SECONDS = 0.5
"""Between two looks at who holds what others wait for, at least: pg_locks stops everybody for a
moment."""
FEWEST_WAITING = 2
"""From so many sessions on that wait for a lock, who holds it is looked at."""
UNUSED_SECONDS = 60
"""Idle for so long counts as not used, where only one look was taken."""

# What ends in no time and does no work: it would make means and their variance meaningless.
_CONTROL = re.compile(
    r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare|deallocate|set|reset"
    r"|discard|show|close|listen|unlisten|notify|lock)\b",
    re.IGNORECASE,
)
_FIELDS = ("connections", "held", "cpu", "io", "lock", "latch", "client", "other", "on_cpu")


class LoadWatch:
    """Observes one server from its making on; call :meth:`look` every now and then.

    Raises:
        Unavailable: settings or statistics can't be read.
        TargetError: the connection broke.
    """

    def __init__(self, session: Session, seconds: float = 0) -> None:
        self._session = session
        self._least = max(1 / LOOKS_PER_SECOND, seconds / MOST_LOOKS)
        self._room = read_room(session)
        self._rows: list[Row] = []
        self._uses = Uses()
        self._whole = Uses()
        self._holders: list[frozenset[int]] = []
        self._next = self._next_holders = 0.0
        self._statements = self._read_statements(texts=False) if seconds else None
        self._before = self._counters()
        self._began: datetime = next(iter(self._before.values())).at

    @property
    def every_seconds(self) -> float:
        """Between two looks, at least."""
        return self._least

    def look(self, since: datetime | None = None) -> None:
        """Look at the sessions, unless that would be more than they should feel."""
        started = time.monotonic()
        if started < self._next:
            return
        since = since or self._began
        rows = self._session.fact("load_look", {"since": since, "limit": MOST_GROUPS + 1})
        self._next = started + max(self._least * 0.9, rows[0]["took_seconds"] / MOST_SHARE)
        self._rows.append(rows[0])
        self._whole.add([_use(rows[0])])
        self._uses.add(_use(row) for row in rows[1:])
        if rows[0]["lock"] >= FEWEST_WAITING and started >= self._next_holders:
            self._look_at_holders()

    def _look_at_holders(self) -> None:
        started = time.monotonic()
        found = frozenset(row["pid"] for row in self._session.fact("lock_holders"))
        took = time.monotonic() - started
        self._next_holders = started + max(LOCK_LOOK_SECONDS, took / MOST_SHARE)
        if found:
            self._holders.append(found)

    def load(self) -> Load:
        """What happened since the watch was made."""
        after = self._counters()
        end = max(one.at for one in after.values())
        seconds = max((end - self._began).total_seconds(), 1e-3)
        if any(self._is_reset(one) for one in after.values()):
            why = "the statistics were reset meanwhile; try again"
            return self._made(seconds, (), (), (Skipped("demand", why),))
        own = self._session.transactions - 1  # dbtune's reads are transactions, too
        work = tuple(
            replace(
                _work(self._before.get(name), one, own if name == self._session.database else 0),
                seconds=seconds,  # of one that came into being meanwhile, too
            )
            for name, one in after.items()
            if name
        )
        return self._made(seconds, work, self._calls())

    def so_far(self) -> Load:
        """One look, and all that was counted since the statistics were reset."""
        self.look(self._began - timedelta(seconds=UNUSED_SECONDS))
        work = tuple(_work(None, one) for one in self._before.values() if one.name)
        return self._made(0.0, work, ())

    def _made(
        self,
        seconds: float,
        work: tuple[Work, ...],
        calls: tuple[Calls, ...],
        skipped: tuple[Skipped, ...] = (),
    ) -> Load:
        process = self._session.rows("SELECT pg_catalog.pg_backend_pid() AS process")[0]["process"]
        pooled = process != self._session.login_pid
        cpus = None if pooled else _cpus(self._session, process)
        whole = self._whole.all()
        return Load(
            seconds=seconds,
            room=self._room,
            looks=_looks(self._rows),
            whole=whole[0] if whole else Use("", "", ""),
            uses=self._uses.all(),
            turns=turns_of(self._holders),
            work=work,
            calls=calls,
            cpus=None if cpus is None else cpus[0],
            cpus_from="" if cpus is None else cpus[1],
            connect_ms=None if pooled else self._session.connect_ms,
            pooled=pooled,
            skipped=skipped,
        )

    def _counters(self) -> dict[str, Database]:
        return {one.name: one for one in databases.read(self._session)}

    def _is_reset(self, later: Database) -> bool:
        before = self._before.get(later.name)
        return before is not None and before.stats_reset != later.stats_reset

    def _read_statements(self, *, texts: bool) -> Reading | None:
        try:
            return read_statements(self._session, read_setup(self._session), texts=texts)
        except Unavailable:  # a nicety: rates and times come from elsewhere, too
            return None

    def _calls(self) -> tuple[Calls, ...]:
        if self._statements is None:
            return ()
        later = self._read_statements(texts=True)
        if later is None:
            return ()
        return calls_of(difference(self._statements, later).entries)


def observed(session: Session, seconds: float, wait: Wait) -> Load:
    """The load in some seconds from now.

    Raises:
        Unavailable: settings or statistics can't be read.
        TargetError: the connection broke.
    """
    watch = LoadWatch(session, seconds)
    wait(seconds, "observing the load", watch.every_seconds, watch.look)
    return watch.load()


def turns_of(holders: Sequence[frozenset[int]]) -> Turns:
    """From the processes that held what others waited for, look by look."""
    if not holders:
        return Turns()
    again = sum(len(later) for later in holders[1:])
    new = sum(len(later - before) for before, later in pairwise(holders))
    return Turns(len(holders), fmean(map(len, holders)), new / again if again else 0.0)


def read_room(session: Session) -> Room:
    """The connections that a server allows.

    Raises:
        Unavailable: the settings can't be read.
        TargetError: the connection broke.
    """
    row = session.fact("pool_limits")[0]
    return Room(row["max_connections"], row["superuser_reserved"], row["reserved_connections"] or 0)


def calls_of(entries: Iterable[Entry]) -> tuple[Calls, ...]:
    """Entries by user and database, most time first.

    Left out are dbtune's own, those inside functions, and what begins and ends transactions.
    """
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in entries:
        control = one.text is None or _CONTROL.match(one.text)
        if control or one.is_own or not one.key.toplevel:
            continue
        mean = one.total_ms / one.calls
        total = sums[one.user, one.database]
        total[0] += one.calls
        total[1] += one.total_ms
        total[2] += one.calls * (mean**2 + one.stddev_ms**2)
    found = [Calls(user, database, *total) for (user, database), total in sums.items()]
    return tuple(sorted(found, key=lambda one: -one.total_ms))


def _looks(rows: list[Row]) -> Looks:
    if not rows:
        return Looks()
    lasted = (rows[-1]["at"] - rows[0]["at"]).total_seconds()
    return Looks(
        every_seconds=lasted / (len(rows) - 1) if len(rows) > 1 else 0.0,
        connections=tuple(row["connections"] for row in rows),
        held=tuple(row["held"] for row in rows),
        on_cpu=tuple(row["on_cpu"] for row in rows),
        hidden=max(row["hidden"] for row in rows),
        untracked=max(row["untracked"] for row in rows),
        left_open=tuple(row["left_open"] for row in rows),
    )


def _use(row: Row) -> Use:
    return Use(
        row["database"],
        row["user"],
        row["application"],
        most_connections=row["connections"],
        most_held=row["held"],
        unused=row["unused"],
        stuck=row["stuck"],
        idle_in_transaction_ms=row["idle_in_transaction_ms"],
        **{name: row[name] for name in _FIELDS},
    )


def _work(before: Database | None, after: Database, own: int = 0) -> Work:
    one = after if before is None else between((before,), (after,))[0]
    transactions = one.commits + one.rollbacks
    return Work(
        one.name,
        max(0.0, transactions - own),
        one.sessions,
        one.active_ms,
        one.idle_in_transaction_ms,
        one.seconds,
    )


def _cpus(session: Session, process: int) -> tuple[float, str] | None:
    """CPUs of this machine, where the server surely runs on it.

    A loopback address may be the end of a tunnel or a container's port, and a container has limits
    of its own: so the process that answered must be found here, and its limits are those read.
    """
    if not session.is_local or not is_postgres(process):
        return None
    cpus = cpus_of(Path("/"), str(process))
    return None if cpus.value is None else (cpus.value, f"this machine, {cpus.source}")
