"""``dbtune watch``."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dbtune.cli.command import Format, Gate, Run, command, duration_option, new_app
from dbtune.errors import TargetError, UsageError
from dbtune.profile import Engine, Profile
from dbtune.report import Column, Report, Table, record
from dbtune.text import plain, shorten

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.watch.observer import Observer
    from dbtune.watch.store import Event, Store

EVENTS = Table(
    "events",
    "What happened",
    (
        Column("at", "at", "time", "When it was seen."),
        Column(
            "event",
            "event",
            "text",
            "regression, over, change, unreachable, reachable or note.",
        ),
        Column("level", "level", "text", "Of a regression: info, warning or critical."),
        Column("rule", "rule", "text", "Of a regression: dbtune rules NAME explains it."),
        Column("message", "message", "text", "One sentence."),
        Column("subject", "about", "sql", "What it is about."),
    ),
    empty="nothing",
)
SUMMARY = (
    Column("snapshots", "snapshots", "int", "Snapshots that were taken."),
    Column("missed", "missed", "int", "Times when the target could not be reached."),
    Column("regressions", "regressions", "int", "Regressions that were told."),
    Column("active", "still there", "int", "Of those, how many were there at the end."),
    Column("store", "kept in", "text", "Where the snapshots are."),
    Column("kept", "kept", "int", "Snapshots of the target that are kept."),
    Column("kept_bytes", "size", "bytes", "What they take."),
)
TABLES = (Table("summary", "Summary", SUMMARY, record=True), EVENTS)
_COLORS = {"critical": "31", "warning": "33", "info": "36", "over": "32", "unreachable": "31"}
_MOST_EVENTS = 1000

app = new_app()


class Told(StrEnum):
    """From which level on findings are told."""

    info = "info"
    warning = "warning"
    critical = "critical"


@command(
    app,
    fail_on=Gate.never,
    epilog="Examples: dbtune watch prod --every 60s -o history; "
    "dbtune compare prod --store history --since 1h",
)
def watch(
    run: Run,
    every: Annotated[float, duration_option(help="Time from one snapshot to the next.")] = "60s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
    keep: Annotated[
        float,
        duration_option(
            help="Forget snapshots that are older. Of those older than 2 hours one in 10 minutes "
            "is kept, older than 2 days one an hour: counters only grow, no total is lost."
        ),
    ] = "7d",  # type: ignore[assignment]
    store: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Keep snapshots in this PostgreSQL (URL or profile), in a schema dbtune that is "
            "made there; in place of -o DIR.",
            show_default=False,
        ),
    ] = "",
    count: Annotated[
        int, typer.Option(min=0, help="Stop after so many snapshots; 0 goes on until Ctrl-C.")
    ] = 0,
    level: Annotated[Told, typer.Option(help="Tell findings of this level or above.")] = (
        Told.warning
    ),
) -> Report:
    """Take snapshots of a target at regular times, and tell what became worse as it appears.

    They are kept in a folder (-o DIR), from which dbtune compare --store DIR takes its periods. A
    line says what appeared: a statement that reads more, an index or a setting that changed, a
    finding of dbtune check that is new. A target that can't be reached is tried again.

    Counters are read each time; what takes longer, at most so often that it is 1 % of the time.
    """
    if every < 1:
        raise UsageError("--every: a second is the least; each snapshot costs the server something")
    if store and run.output is not None and run.output.path is not None:
        raise UsageError("keep snapshots in a folder (-o DIR) or in a database (--store), not both")
    profile = run.profile()
    folder = None if store else _folder(run)
    kept = _open(run, folder, store)
    watched = _Watch(run, profile, kept, _name_of(folder, store), keep, Told(level))
    try:
        with _until_told_to_stop() as stopping:
            watched.loop(every, count, stopping)
    finally:
        report = watched.report()
        kept.close()
    if watched.interrupted:
        from dbtune.cli.output import style
        from dbtune.render import render

        if not run.quiet:
            sys.stderr.write(render(report, "table", style(run.output, sys.stderr)))  # type: ignore[arg-type]
        raise KeyboardInterrupt
    return report


def _folder(run: Run) -> Path:
    if run.output is None or run.output.path is None:
        raise UsageError("name the folder for the snapshots: -o DIR, or a database: --store URL")
    path = run.claim_output("the snapshots")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{plain(str(path))} is a file; name a folder for the snapshots")
    return path


def _name_of(folder: Path | None, store: str) -> str:
    from dbtune.redaction import redact

    return plain(str(folder) if folder is not None else redact(store))


def _open(run: Run, folder: Path | None, store: str) -> Store:
    if folder is not None:
        from dbtune.watch.folder import Folder

        return Folder(folder)
    return open_database(run, store, create=True)


def open_database(run: Run, store: str, *, create: bool) -> Store:
    """The store in a PostgreSQL.

    Raises:
        UsageError: it is no PostgreSQL, or has no store.
        TargetError: it can't be reached.
    """
    from dbtune.postgres.store import PostgresStore
    from dbtune.profile import resolve

    profile = resolve(store)
    if profile.engine is not Engine.postgresql:
        raise UsageError(f"--store keeps snapshots in PostgreSQL; {profile.name} is another engine")
    return PostgresStore(profile, run.limits, create=create)


@dataclass
class _Stop:
    """Whether somebody asked to stop."""

    asked: bool = False


@contextmanager
def _until_told_to_stop() -> Iterator[_Stop]:
    """SIGTERM is taken as Ctrl-C is: what is being written is finished first."""
    stop = _Stop()

    def ask(_number: int, _frame: object) -> None:
        stop.asked = True
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
class _Watch:
    """One target being watched."""

    run: Run
    profile: Profile
    store: Store
    where: str
    keep_seconds: float
    told: Told
    interrupted: bool = False
    snapshots: int = 0
    missed: int = 0
    regressions: int = 0
    reachable: bool = True
    storing: bool = True
    target: dict[str, object] = field(default_factory=dict)
    name: str = ""
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        from dbtune.finding import Level
        from dbtune.watch.observer import Observer
        from dbtune.watch.pace import Pace

        self.observer: Observer = Observer(Level[self.told.value], self.profile.thresholds)
        self._pace = Pace()
        self._light: Any = None

    def loop(self, every: float, count: int, stop: _Stop) -> None:
        """Take snapshots until there are enough, or somebody wants to stop."""
        due = time.monotonic()
        try:
            while not stop.asked and not (count and self.snapshots + self.missed >= count):
                if (left := due - time.monotonic()) > 0:
                    time.sleep(left)
                self._once()
                # Late by more than a turn, as after a laptop's sleep: turns are not made up for.
                due = max(due + every, time.monotonic())
        except KeyboardInterrupt:
            self.interrupted = True

    def _once(self) -> None:
        from dbtune.watch.store import Event

        try:
            taken = self._take()
        except TargetError as error:
            self.missed += 1
            if self.reachable:
                self.reachable = False
                self._tell([Event(datetime.now(UTC), "unreachable", str(error))])
            return
        if not self.reachable:
            self.reachable = True
            self._tell([Event(datetime.now(UTC), "reachable", "the target answers again")])
        self.target = dict(taken.target)
        events = self.observer.see(taken)
        try:
            entry = self.store.add(taken)
            self.snapshots += 1
            self.name = entry.target
            self._prune(entry.at)
        except TargetError as error:  # the store's server: watching goes on without it
            self.missed += 1
            if self.storing:
                events.append(Event(taken.collected_at, "note", str(error)))
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

        entries = self.store.entries(self.name)
        gone = superfluous([one.at for one in entries], now, self.keep_seconds)
        if gone:
            self.store.remove(one for one in entries if one.at in gone)

    def _tell(self, events: list[Event]) -> None:
        if not events:
            return
        self.regressions += sum(one.type == "regression" for one in events)
        self.events = [*self.events, *events][-_MOST_EVENTS:]
        if self.name and self.storing:
            with contextlib.suppress(TargetError):
                self.store.log(self.name, events)
        if not self._streams:
            return
        if self._format is Format.ndjson:
            from dbtune.render.json import dumps

            lines = [dumps({"type": "event", **_data(one)}) for one in events]
        else:
            lines = [_line(one, color=self._color) for one in events]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    @property
    def _format(self) -> object:
        return self.run.output.format if self.run.output else None

    @property
    def _streams(self) -> bool:
        """Whether lines are written as things happen; other formats are one document at the end."""
        return self._format in (None, Format.table, Format.ndjson)

    @property
    def _color(self) -> bool:
        from dbtune.cli.output import style

        return self.run.output is not None and style(self.run.output, sys.stdout).color

    def report(self) -> Report:
        """What was seen, at the end."""
        entries = []
        with contextlib.suppress(TargetError):
            entries = self.store.entries(self.name) if self.name else []
        values = {
            "snapshots": self.snapshots,
            "missed": self.missed,
            "regressions": self.regressions,
            "active": len(self.observer.active),
            "store": self.where,
            "kept": len(entries),
            "kept_bytes": sum(one.size_bytes for one in entries),
        }
        from dbtune.finding import sort_findings

        return Report(
            "watch",
            (
                record("summary", "Summary", SUMMARY, values),
                *(() if self._streams else (replace(EVENTS, rows=tuple(map(_row, self.events))),)),
            ),
            findings=tuple(sort_findings(self.observer.active.values())),
            target=self.target or None,
            collected_at=datetime.now(UTC),
            unreachable=not self.reachable,
        )


def _data(one: Event) -> dict[str, object]:
    from dbtune.render.document import value

    return {key: value(item) for key, item in _row(one).items()}


def _row(one: Event) -> dict[str, object]:
    return {
        "at": one.at,
        "event": one.type,
        "level": one.level or None,
        "rule": one.rule or None,
        "subject": one.subject or None,
        "message": one.message,
    }


def _line(one: Event, *, color: bool) -> str:
    """``10:12:05 warning compare.index-gone public.orders_customer: gone, and ...``."""
    when = one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    kind = one.level if one.type == "regression" else one.type
    about = f" {one.rule} {shorten(plain(one.subject), 80)}:" if one.rule else ""
    shown = f"\x1b[{_COLORS[kind]}m{kind}\x1b[0m" if color and kind in _COLORS else kind
    return f"{when} {shown}{about} {plain(one.message)}"
