"""``dbtune slow-queries --log``: which options go together, and what to do with the logs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from select import select
from typing import TYPE_CHECKING, Generic

from dbtune.cli.command import Format, Output
from dbtune.cli.log_options import AUTO
from dbtune.errors import UsageError
from dbtune.logs.files import STDIN
from dbtune.logs.kind import DetectedT, DigestT, WantedT
from dbtune.postgres.logs.formats import LogFormat
from dbtune.report import Report
from dbtune.statements import Order, Selection
from dbtune.text import plain

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbtune.cli.command import Run
    from dbtune.logs.follow import Interval
    from dbtune.logs.slow_queries import Told
    from dbtune.mongo.logs.stream import Wanted as WantedOfMongo
    from dbtune.postgres.logs.stream import Wanted

EVERY_SECONDS = 60.0
_NOT_IN_A_LOG = (Order.rows, Order.io, Order.wal, Order.jit)
_NOT_IN_MONGOS_LOG = (Order.temp, Order.wal, Order.jit)


@dataclass(frozen=True, slots=True)
class Given:
    """The options for logs as a person gave them.

    Attributes:
        names: files, patterns, folders; empty without ``--log``.
        begun: the first bytes of standard input are in its buffer.
    """

    names: tuple[str, ...] = ()
    format: LogFormat = LogFormat.auto
    prefix: str = AUTO
    since: str = ""
    until: str = ""
    show_parameters: bool = False
    jobs: int = 0
    state: Path | None = None
    follow: bool = False
    every_seconds: float = EVERY_SECONDS
    baseline: tuple[str, ...] = ()
    begun: bool = False

    def wanted(self, selection: Selection) -> Wanted:
        """What of the logs."""
        from dbtune.postgres.logs.stream import Wanted

        return Wanted(
            self.format,
            None if self.prefix == AUTO else self.prefix,
            self.since,
            self.until,
            selection.database,
            selection.user,
            self.show_parameters,
            self.jobs,
        )


_OPTIONS = {
    "format": "--log-format",
    "prefix": "--log-line-prefix",
    "since": "--since",
    "until": "--until",
    "show_parameters": "--show-parameters",
    "jobs": "--jobs",
    "state": "--state",
    "follow": "--follow",
    "every_seconds": "--every",
    "baseline": "--baseline",
}


def refuse_without_log(given: Given) -> None:
    """Refuse options for logs where no log is named.

    Raises:
        UsageError: one of them was given.
    """
    default = Given()
    for name, option in _OPTIONS.items():
        if getattr(given, name) != getattr(default, name):
            raise UsageError(f"{option} is for logs: name them by --log FILE")


def of_logs(run: Run, given: Given, selection: Selection) -> Report:
    """The report on logs: of the engine that the first of them is of.

    Raises:
        UsageError: options do not go together, or a log can't be read.
    """
    from dbtune.mongo.logs.entries import looks_like_mongo

    _refuse(run, selection)
    head = _beginning(given)
    given = replace(given, begun=bool(head) and STDIN in given.names)
    if looks_like_mongo(head):
        from dbtune.mongo.logs.kind import TOLD as MONGODB

        return _Reading(run, given, selection, MONGODB, _wanted_of_mongo(given, selection)).report()
    if selection.order in _NOT_IN_A_LOG:
        raise UsageError(_not_told(selection.order, _NOT_IN_A_LOG))
    from dbtune.postgres.logs.kind import TOLD as POSTGRES

    return _Reading(run, given, selection, POSTGRES, given.wanted(selection)).report()


@dataclass(frozen=True, slots=True)
class _Reading(Generic[WantedT, DetectedT, DigestT]):
    """Logs of an engine, and what a person wants of them."""

    run: Run
    given: Given
    selection: Selection
    told: Told[WantedT, DetectedT, DigestT]
    wanted: WantedT

    def report(self) -> Report:
        """The report on them.

        Raises:
            UsageError: options do not go together, or a log can't be read.
        """
        given = self.given
        if given.baseline and (given.follow or given.state is not None):
            other = "--follow" if given.follow else "--state"
            raise UsageError(f"--baseline does not go with {other}")
        if given.follow:
            return self._follow()
        if given.every_seconds != EVERY_SECONDS:
            raise UsageError("--every is for --follow")
        if given.state is not None:
            return self._since_last_time(given.state)
        return self.told.of_logs(
            given.names,
            self.selection,
            self.wanted,
            baseline=given.baseline,
            progress=self.run.reading,
            thresholds=self.run.thresholds,
        )

    def _since_last_time(self, path: Path) -> Report:
        """Read what is new, remember it, and report on all that is remembered."""
        from dbtune.cli.output import write_file
        from dbtune.logs.state import read_on, read_state, state_bytes

        for option, value in (
            ("--since", self.given.since),
            ("--until", self.given.until),
            ("--show-parameters", self.given.show_parameters),
        ):
            if value:
                raise UsageError(
                    f"{option} does not go with --state, which remembers all that was read, masked"
                )
        kind = self.told.kind
        before = read_state(path, kind, self.wanted)
        new = read_on(kind, self.given.names, self.wanted, before, self.run.reading)
        write_file(path, state_bytes(new.state), force=True)
        return self.told.of_state(
            new, before.remembered.updated_at, self.selection, thresholds=self.run.thresholds
        )

    def _follow(self) -> Report:
        """Print what is logged, interval after interval; the report is on the last of them."""
        from dbtune.logs.follow import Interrupted, watch

        given = self.given
        output = _stream_output(self.run, given)
        intervals = watch(
            self.told.kind, given.names, self.wanted, given.every_seconds, self.run.say,
            begun=given.begun,
        )  # fmt: skip
        try:
            for one in intervals:
                if one.ended:
                    return self._of(one)
                self._show(one, output)
        except Interrupted as interrupted:
            self._show(interrupted.last, output)
            raise
        raise AssertionError("what is watched ends with a last interval")

    def _of(self, one: Interval[DigestT]) -> Report:
        return self.told.of_interval(one, self.selection, thresholds=self.run.thresholds)

    def _show(self, one: Interval[DigestT], output: Output) -> None:
        from dbtune.cli.output import emit

        if output.format in (None, Format.table) and not one.digest.seen.records:
            self.run.say("nothing was logged")
        else:
            emit(self._of(one), output)
            print(flush=True)  # noqa: T201


def _not_told(order: Order, missing: Collection[Order]) -> str:
    told = ", ".join(one.value for one in Order if one not in missing)
    return f"--by {plain(order)}: a log does not tell it; it has {told}"


def _beginning(given: Given) -> bytes:
    """The first bytes of the first log that has some; "" of a pipe that can't be looked into."""
    from dbtune.logs.files import beginning, expand, without_empty

    first = without_empty(expand(given.names))[0]
    # A pipe that is watched may have nothing yet; what is known of it then is that it is a log.
    if given.follow and first == STDIN and not select([sys.stdin], [], [], given.every_seconds)[0]:
        return b""
    if given.follow and first != STDIN and not Path(first).is_file():
        return b""
    return beginning(first)


def _wanted_of_mongo(given: Given, selection: Selection) -> WantedOfMongo:
    """What of MongoDB's logs.

    Raises:
        UsageError: an option is for PostgreSQL's logs only.
    """
    from dbtune.mongo.logs.stream import Wanted as WantedOfMongo

    default = Given()
    for name in ("format", "prefix", "show_parameters"):
        if getattr(given, name) != getattr(default, name):
            raise UsageError(f"{_OPTIONS[name]} is for logs of PostgreSQL; this is MongoDB's")
    if selection.user:
        raise UsageError("--user: MongoDB's log does not tell it; --grep and --database narrow it")
    if selection.order in _NOT_IN_MONGOS_LOG:
        raise UsageError(_not_told(selection.order, _NOT_IN_MONGOS_LOG))
    return WantedOfMongo(given.since, given.until, selection.database, given.jobs)


def _stream_output(run: Run, given: Given) -> Output:
    """How to print again and again.

    Raises:
        UsageError: an option does not go with that.
    """
    output = run.output or Output()
    if given.every_seconds <= 0:
        raise UsageError("--every has to be longer than nothing")
    if output.path is not None:
        raise UsageError("--follow prints as it goes: redirect it (> FILE) in place of --output")
    if output.format not in (None, Format.table, Format.markdown, Format.json, Format.ndjson):
        raise UsageError(
            f"--format {output.format.value} is one document; --follow prints many: take table, "
            "markdown, json or ndjson"
        )
    for option, value in (
        ("--until", given.until),
        ("--state", given.state),
        ("--jobs", given.jobs),
    ):
        if value:
            raise UsageError(f"{option} does not go with --follow")
    return output


def _refuse(run: Run, selection: Selection) -> None:
    """Refuse what is a server's: none is asked."""
    if run.saved is not None:
        raise UsageError("give --log or --from FILE, not both")
    if selection.interval_seconds:
        raise UsageError(
            "--interval is a server's; of a log name the time by --since and --until, or watch it "
            "by --follow"
        )
    if run.url:
        raise UsageError("--url is a server's; --log reads files and asks none")
    for name, seconds, default in (
        ("--timeout", run.timeout_seconds, 15.0),
        ("--connect-timeout", run.connect_timeout_seconds, 10.0),
    ):
        if seconds != default:
            raise UsageError(f"{name} is a server's; --log reads files and asks none")
