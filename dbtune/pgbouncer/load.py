"""Observe the pools of a PgBouncer: looks at them, and its counters before and after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from dbtune.errors import Unavailable
from dbtune.facts import Snapshot
from dbtune.finding import Skipped
from dbtune.pgbouncer.facts.bouncer import bouncer
from dbtune.pgbouncer.facts.clients import applications
from dbtune.pgbouncer.facts.entries import entries
from dbtune.pgbouncer.facts.pools import pools
from dbtune.pgbouncer.facts.traffic import between, traffic
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import Application, PoolerLoad, Pools
from dbtune.statements import Wait

LOOKS_PER_SECOND = 10
MOST_SHARE = 0.2
"""Of the time that a look may take, with the way there and back: while the console answers, no
client is served."""


class PoolerWatch:
    """Observes one PgBouncer from its making on; call :meth:`look` every now and then.

    Raises:
        Unavailable: this user may not see it.
        TargetError: the connection broke.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._bouncer = bouncer.read(session)
        self._pools = Pools()
        self._began = self._next = time.monotonic()
        self._before = traffic.read(session)

    def look(self) -> None:
        """Look at the pools, unless that would be more than PgBouncer should feel."""
        started = time.monotonic()
        if started < self._next:
            return
        self._pools = self._pools.plus(pools.read(self._session))
        self._next = started + (time.monotonic() - started) / MOST_SHARE

    def load(self) -> PoolerLoad:
        """What happened since the watch was made."""
        passed = between(self._before, traffic.read(self._session))
        seconds = time.monotonic() - self._began
        seen = replace(self._pools, every_seconds=seconds / max(1, self._pools.count))
        known = entries.read(self._session)  # those of [databases] * are there once in use
        return PoolerLoad(
            self._bouncer,
            seen,
            passed,
            known,
            seconds,
            *_clients(partial(applications.read, self._session)),
        )

    def so_far(self) -> PoolerLoad:
        """One look, and all that was counted since PgBouncer was started."""
        self.look()
        return PoolerLoad(
            self._bouncer,
            self._pools,
            self._before,
            entries.read(self._session),
            0.0,
            *_clients(partial(applications.read, self._session)),
        )


def observed(session: Session, seconds: float, wait: Wait) -> PoolerLoad:
    """The pools in some seconds from now.

    Raises:
        Unavailable: this user may not see them.
        TargetError: the connection broke.
    """
    watch = PoolerWatch(session)
    if not seconds:
        return watch.so_far()
    wait(seconds, "observing PgBouncer", 1 / LOOKS_PER_SECOND, watch.look)
    return watch.load()


def load_of(snapshot: Snapshot) -> PoolerLoad:
    """What a snapshot holds.

    Raises:
        Unavailable: it lacks a part.
    """
    passed = snapshot.of(traffic)
    return PoolerLoad(
        snapshot.of(bouncer),
        snapshot.of(pools),
        passed,
        snapshot.of(entries),
        max((one.seconds or 0.0 for one in passed), default=0.0),
        *_clients(partial(snapshot.of, applications)),
    )


def _clients(
    read: Callable[[], tuple[Application, ...]],
) -> tuple[tuple[Application, ...], tuple[Skipped, ...]]:
    try:
        return read(), ()
    except Unavailable as missing:
        return (), (Skipped("PgBouncer's clients", missing.reason, missing.remedy),)
