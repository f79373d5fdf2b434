"""``dbtune watch``: the loop that watches a target, and what it writes as things happen."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, cast

from dbtune.at_once import begin
from dbtune.cli.command import Format, Run
from dbtune.errors import TargetError, UsageError
from dbtune.profile import Engine, Profile
from dbtune.text import plain, shorten
from dbtune.watch.store import Event as Seen

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.finding import Finding, Level
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.watch.observer import Observer
    from dbtune.watch.store import Store

_COLORS = {"critical": "1;31", "warning": "33", "info": "36", "over": "32", "unreachable": "1;31"}
_MOST_EVENTS = 1000
_FINISH_SECONDS = 5.0
"""What snapshots that are being taken have, when somebody wants to stop, to be finished."""
_LINES = Lock()
"""Lines of several targets do not mix."""


@contextmanager
def until_told_to_stop() -> Iterator[Event]:
    """SIGTERM is taken as Ctrl-C is: what is being written is finished first."""
    stop = Event()

    def ask(_number: int, _frame: object) -> None:
        stop.set()
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, ask)
    except ValueError:  # not the main thread
        yield stop
        return
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class Watch:
    """One target being watched.

    Attributes:
        run: its limits, and where lines go.
        profile: the target.
        open_store: opens the place where snapshots are kept, in the thread that uses it.
        keep_seconds: older ones are forgotten.
        told: from which level on findings are told.
        many: it is one of several, so that its lines name it.
    """

    run: Run
    profile: Profile
    open_store: Callable[[], Store]
    keep_seconds: float
    told: Level
    many: bool = False
    interrupted: bool = False
    snapshots: int = 0
    missed: int = 0
    regressions: int = 0
    reachable: bool = True
    storing: bool = True
    target: dict[str, object] = field(default_factory=dict)
    name: str = ""
    events: list[Seen] = field(default_factory=list)
    kept: int = 0
    kept_bytes: int = 0
    _store: Store = field(init=False)

    def __post_init__(self) -> None:
        from dbtune.watch.observer import Observer
        from dbtune.watch.pace import Pace

        self.observer: Observer = Observer(self.told, self.profile.thresholds)
        self._pace = Pace()
        self._light: Any = None

    def loop(self, every: float, count: int, stop: Event) -> None:
        """Take snapshots until there are enough, or somebody wants to stop."""
        due = time.monotonic()
        with closing(self.open_store()) as self._store:
            try:
                while not (count and self.snapshots + self.missed >= count):
                    if stop.wait(max(0.0, due - time.monotonic())):
                        break
                    self._once()
                    # Late by more than a turn, as after a laptop's sleep: they are not made up for.
                    due = max(due + every, time.monotonic())
            except KeyboardInterrupt:
                self.interrupted = True
            with contextlib.suppress(TargetError, UsageError):
                entries = self._store.entries(self.name) if self.name else []
                self.kept = len(entries)
                self.kept_bytes = sum(one.size_bytes for one in entries)

    def _once(self) -> None:
        try:
            taken = self._take()
        except (TargetError, UsageError) as error:
            if isinstance(error, UsageError) and not self.many:
                raise
            self.missed += 1
            if self.reachable:
                self.reachable = False
                self._tell([Seen(datetime.now(UTC), "unreachable", str(error))])
            return
        if not self.reachable:
            self.reachable = True
            self._tell([Seen(datetime.now(UTC), "reachable", "the target answers again")])
        self.target = dict(taken.target)
        events = self.observer.see(taken)
        try:
            entry = self._store.add(taken)
            self.snapshots += 1
            self.name = entry.target
            # Of two clocks the earlier one: one that is set wrong makes no snapshot old.
            self._prune(min(entry.at, datetime.now(UTC)))
        except (TargetError, UsageError) as error:  # the store's server or its disk
            if isinstance(error, UsageError) and not self.snapshots:
                raise  # it never was right
            self.missed += 1
            if self.storing:
                events.append(Seen(taken.collected_at, "note", str(error)))
            self.storing = False
        else:
            self.storing = True
        self._tell(events)

    def _take(self) -> Snapshot:
        from dbtune.snapshots import take

        with self.run.session(self.profile) as session:
            if self.profile.engine is Engine.postgresql:
                from dbtune.postgres.snapshot import Light

                self._light = self._light or Light(self._pace)
                taken: Snapshot = self._light.snapshot(cast("PostgresSession", session))
                return taken
            return take(session, pace=self._pace)

    def _prune(self, now: datetime) -> None:
        from dbtune.watch.keep import superfluous

        entries = self._store.entries(self.name)
        gone = superfluous([one.at for one in entries], now, self.keep_seconds)
        if gone:
            self._store.remove(one for one in entries if one.at in gone)

    def _tell(self, events: list[Seen]) -> None:
        if not events:
            return
        self.regressions += sum(one.type == "regression" for one in events)
        self.events = [*self.events, *events][-_MOST_EVENTS:]
        if self.name and self.storing:
            with contextlib.suppress(TargetError, UsageError):
                self._store.log(self.name, events)
        if not self.streams:
            return
        who = self.profile.name if self.many else ""
        if self._format is Format.ndjson:
            from dbtune.render.json import dumps

            lines = [dumps({"type": "event", **_data(one, who)}) for one in events]
        else:
            lines = [_line(one, who, color=self._color) for one in events]
        with _LINES:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()

    @property
    def _format(self) -> object:
        return self.run.output.format if self.run.output else None

    @property
    def streams(self) -> bool:
        """Whether lines are written as things happen; other formats are one document at the end."""
        return self._format in (None, Format.table, Format.ndjson)

    @property
    def _color(self) -> bool:
        from dbtune.cli.output import style

        return self.run.output is not None and style(self.run.output, sys.stdout).color

    def findings(self) -> list[Finding]:
        """What is still worse at the end; of several targets its name is part of the subject."""
        found = self.observer.active.values()
        if not self.many:
            return list(found)
        who = plain(self.profile.name)
        return [replace(one, subject=f"{who}: {one.subject}") for one in found]

    def summary(self) -> dict[str, int]:
        """What was done."""
        return {
            "snapshots": self.snapshots,
            "missed": self.missed,
            "regressions": self.regressions,
            "remaining": len(self.observer.active),
            "kept": self.kept,
            "kept_bytes": self.kept_bytes,
        }

    def rows(self) -> list[dict[str, object]]:
        """What happened."""
        return [_row(one, self.profile.name if self.many else "") for one in self.events]


def watch_all(watches: Sequence[Watch], every: float, count: int, stop: Event) -> None:
    """Watch several targets at once, each in a thread of its own: none waits for another."""
    jobs = begin(lambda one: one.loop(every, count, stop), watches, len(watches))
    try:
        for job in as_completed(jobs):
            job.result()
    except KeyboardInterrupt:
        for one in watches:
            one.interrupted = True
    finally:
        stop.set()
        wait(jobs, _FINISH_SECONDS)


def _data(one: Seen, who: str) -> dict[str, object]:
    from dbtune.render.document import value

    return {key: value(item) for key, item in _row(one, who).items()}


def _row(one: Seen, who: str) -> dict[str, object]:
    return {
        "at": one.at,
        "target": who or None,
        "event": one.type,
        "level": one.level or None,
        "rule": one.rule or None,
        "subject": one.subject or None,
        "message": one.message,
    }


def _line(one: Seen, who: str, *, color: bool) -> str:
    """``10:12:05 warning compare.index-gone public.orders_customer: gone, and ...``."""
    when = one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    kind = one.level if one.type == "regression" else one.type
    about = f" {one.rule} {shorten(plain(one.subject), 80)}:" if one.rule else ""
    shown = f"\x1b[{_COLORS[kind]}m{kind}\x1b[0m" if color and kind in _COLORS else kind
    name = f"{plain(who)} " if who else ""
    return f"{when} {name}{shown}{about} {plain(one.message)}"
