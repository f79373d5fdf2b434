"""What every subcommand shares: target and output options, and the way to an exit code.

A subcommand is a function that takes a :class:`Run` first, then its own options, and returns a
:class:`~dbtune.report.Report`. ``@command(app, target=...)`` adds the shared options to it::

    app = new_app()

    @command(app, target="required")
    def slow_queries(run: Run, limit: Annotated[int, typer.Option(help="...")] = 20) -> Report:
        \"\"\"Rank statements by what they cost.\"\"\"
"""

from __future__ import annotations

import inspect
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NoReturn, get_args

import typer
from typer.core import TyperCommand
from typer.models import ArgumentInfo, ParameterInfo

from dbtune.cli import complete
from dbtune.errors import UsageError
from dbtune.text import parse_bytes, parse_seconds

if TYPE_CHECKING:  # imported where they are used: help and usage errors need none of them
    from dbtune.facts import Snapshot
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.postgres.writer import Writer
    from dbtune.profile import Profile
    from dbtune.redis.session import Session as RedisSession
    from dbtune.report import Report
    from dbtune.session import Limits
    from dbtune.statements import Wait

_TARGET = "Target"
_OUTPUT = "Output"


class Format(StrEnum):
    """Output formats."""

    table = "table"
    json = "json"
    ndjson = "ndjson"
    csv = "csv"
    markdown = "markdown"
    html = "html"
    sarif = "sarif"
    junit = "junit"
    github = "github"
    gitlab = "gitlab"
    nagios = "nagios"
    sql = "sql"


class Picture(StrEnum):
    """Output formats of pictures of plans."""

    svg = "svg"
    folded = "folded"
    speedscope = "speedscope"


class Written(StrEnum):
    """Output formats of documents."""

    markdown = "markdown"
    html = "html"
    json = "json"


Formats = type[Format] | type[Picture] | type[Written]


class Color(StrEnum):
    """When to colour."""

    auto = "auto"
    always = "always"
    never = "never"


class FailOn(StrEnum):
    """From which level on findings make the exit code 1."""

    never = "never"
    info = "info"
    warning = "warning"
    critical = "critical"


class Gate(StrEnum):
    """``--fail-on`` of commands that compare: a regression is a finding from warning on."""

    never = "never"
    regression = "regression"
    info = "info"
    warning = "warning"
    critical = "critical"


@dataclass
class Run:
    """One run of a subcommand: its target, its limits, and what it may say on stderr meanwhile."""

    target: str | None = None
    url: str | None = None
    profile_name: str | None = None
    connect_timeout_seconds: float = 10.0
    timeout_seconds: float = 15.0
    verbose: bool = False
    quiet: bool = False
    saved: Path | None = None
    output: Output | None = None

    @property
    def limits(self) -> Limits:
        """How long the target may keep dbtune waiting."""
        from dbtune.session import Limits

        return Limits(max(2, round(self.connect_timeout_seconds)), self.timeout_seconds)

    @property
    def target_given(self) -> bool:
        """Whether TARGET, ``--url`` or ``--profile`` was given."""
        return bool(self.target or self.url or self.profile_name)

    def profile(self) -> Profile:
        """The profile that is meant; warns when a password stands on the command line.

        Raises:
            UsageError: no target is named, or it is unknown.
        """
        from dbtune.profile import resolve

        found = resolve(self.target, url=self.url, profile=self.profile_name)
        self._warn_of_password(self.target or self.url or "")
        return found

    def _warn_of_password(self, given: str) -> None:
        from dbtune.profile import holds_password

        if holds_password(given):
            self.say(
                "warning: a password on the command line shows in the process list; "
                "use PGPASSWORD, ~/.pgpass or a profile"
            )

    def session(
        self, profile: Profile | None = None
    ) -> PostgresSession | MongoSession | RedisSession:
        """An open session on the target, of whatever engine it is; use it with ``with``."""
        from dbtune.session import open_session

        return open_session(profile or self.profile(), self.limits, self._trace)

    def any_session(
        self, profile: Profile
    ) -> PostgresSession | PgBouncerSession | MongoSession | RedisSession:
        """As :meth:`session`; PgBouncer's admin console is welcome, too."""
        from dbtune.session import open_or_console

        return open_or_console(profile, self.limits, self._trace)

    def pooled(self, profile: Profile) -> PostgresSession | PgBouncerSession:
        """An open session on PostgreSQL, or on the admin console of a PgBouncer."""
        from dbtune.session import open_pooled

        return open_pooled(profile, self.limits, self._trace)

    def console(self, target: str) -> PgBouncerSession:
        """An open session on the admin console that a profile's name or URL means.

        Raises:
            UsageError: it is none, or unknown.
        """
        from dbtune.profile import resolve
        from dbtune.session import open_pgbouncer

        self._warn_of_password(target)  # a profile's own key holds none
        return open_pgbouncer(resolve(target), self.limits, self._trace)

    def postgres(self, profile: Profile | None = None) -> PostgresSession:
        """An open session on a target that must be PostgreSQL; use it with ``with``."""
        from dbtune.session import open_postgres

        return open_postgres(profile or self.profile(), self.limits, self._trace)

    def writer(self, profile: Profile, lock_seconds: float) -> Writer:
        """A connection to a PostgreSQL target that writes; only where a flag allowed it.

        Args:
            profile: the target.
            lock_seconds: how long a statement may wait for a lock.
        """
        from dbtune.postgres.writer import Writer

        return Writer(profile, self.limits, lock_seconds, self._trace)

    def mongo(self, profile: Profile | None = None) -> MongoSession:
        """As :meth:`postgres`, for MongoDB."""
        from dbtune.session import open_mongo

        return open_mongo(profile or self.profile(), self.limits, self._trace)

    def redis(self, profile: Profile | None = None) -> RedisSession:
        """As :meth:`postgres`, for Redis."""
        from dbtune.session import open_redis

        return open_redis(profile or self.profile(), self.limits, self._trace)

    def snapshot(self) -> Snapshot | None:
        """The snapshot that ``--from`` names; ``None`` without that option.

        Raises:
            UsageError: a target was given as well, or the file is no snapshot.
        """
        if self.saved is None:
            return None
        if self.target or self.url:
            raise UsageError("give a TARGET or --from FILE, not both")
        from dbtune.facts import read

        return read(self.saved)

    @property
    def thresholds(self) -> Mapping[str, Mapping[str, object]]:
        """The profile's thresholds if one was given: for what comes from files."""
        return self.profile().thresholds if self.target_given else {}

    def claim_output(self, what: str) -> Path:
        """The file of ``--output``, which the command writes itself; the report goes to stdout.

        Args:
            what: what is written there, for the message.

        Raises:
            UsageError: none was given.
        """
        if self.output is None or self.output.path is None:
            raise UsageError(f"name the file for {what}: --output FILE")
        path, self.output = self.output.path, self.output._replace(path=None)
        return path

    @property
    def format(self) -> str:
        """The name of the format that the report will have."""
        from dbtune.cli.output import format_of

        return format_of(self.output or Output())

    @property
    def force(self) -> bool:
        """Whether existing files may be overwritten."""
        return self.output is not None and self.output.force

    def say(self, text: str) -> None:
        """A line on stderr, unless ``--quiet``."""
        if not self.quiet:
            from dbtune.redaction import redact

            print(redact(text), file=sys.stderr)  # noqa: T201

    def wait(
        self,
        seconds: float,
        description: str,
        every: float = 0.2,
        do: Callable[[], None] | None = None,
    ) -> None:
        """Let time pass, with a progress bar where a person is looking.

        Args:
            seconds: how long.
            description: why, for the person.
            every: seconds between two calls of ``do``.
            do: called at once and then at regular times.
        """
        with self.progress(description, seconds) as advance:
            started = time.monotonic()
            due = 0.0
            while (passed := time.monotonic() - started) < seconds:
                if do is not None and passed >= due:
                    do()
                    due += every
                advance(passed)
                now = time.monotonic() - started
                time.sleep(max(0.0, min(seconds, max(due, now) if do else now + every) - now))

    def beside(self, node: str) -> Wait:
        """As :meth:`wait`; without a bar for one of several nodes, which are read at once."""
        if not node:
            return self.wait
        from dataclasses import replace

        return replace(self, quiet=True).wait

    @contextmanager
    def progress(self, description: str, total: float) -> Iterator[Callable[[float], None]]:
        """A progress bar on stderr, on a terminal only; yields a function to say what is done."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda done: bar.update(task, completed=done)

    @contextmanager
    def reading(self, description: str, total_bytes: float) -> Iterator[Callable[[float], None]]:
        """As :meth:`progress`, of bytes: with how much is read, MB/s and the time that is left."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            *(TextColumn("{task.description}"), BarColumn(), DownloadColumn()),
            *(TransferSpeedColumn(), TimeRemainingColumn()),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total_bytes)
            yield lambda done: bar.update(task, completed=done)

    @property
    def _trace(self) -> Callable[[str, float, int], None] | None:
        if not self.verbose:
            return None

        def show(statement: str, ms: float, rows: int) -> None:
            from dbtune.text import ms_text, plain, plural

            self.say(f"-- {ms_text(ms)}, {plural(rows, 'row')}: {plain(statement)}")

        return show


class Output(NamedTuple):
    """Where a report goes and in which form: ``None`` is by the file's name."""

    format: Format | Picture | Written | None = Format.table
    path: Path | None = None
    force: bool = False
    wide: bool = False
    color: Color = Color.auto
    quiet: bool = False
    formats: Formats = Format


# ------------------------------------------------------------------------------ options by section

Target = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        help="Profile name or URL; without it the environment and dbtune.yaml are asked.",
        show_default=False,
        autocompletion=complete.profiles,
    ),
]
_TARGET_OPTIONS: dict[str, tuple[Any, object]] = {
    "url": (
        Annotated[str | None, typer.Option(help="URL of the target.", rich_help_panel=_TARGET)],
        None,
    ),
    "profile": (
        Annotated[
            str | None,
            typer.Option(
                "--profile",
                "-p",
                metavar="NAME",
                help="Profile of the target.",
                rich_help_panel=_TARGET,
                autocompletion=complete.profiles,
            ),
        ],
        None,
    ),
    "timeout": (
        Annotated[
            str,
            typer.Option(
                metavar="DURATION", help="Time limit for one statement.", rich_help_panel=_TARGET
            ),
        ],
        "15s",
    ),
    "connect_timeout": (
        Annotated[
            str,
            typer.Option(
                metavar="DURATION", help="Time limit for connecting.", rich_help_panel=_TARGET
            ),
        ],
        "10s",
    ),
}
_FROM_OPTION: dict[str, tuple[Any, object]] = {
    "saved": (
        Annotated[
            Path | None,
            typer.Option(
                "--from",
                metavar="FILE",
                help="A snapshot in place of a target.",
                rich_help_panel=_TARGET,
                show_default=False,
            ),
        ],
        None,
    ),
}
_OUTPUT_OPTIONS: dict[str, tuple[Any, object]] = {
    "output": (
        Annotated[
            Path | None,
            typer.Option(
                "--output", "-o", help="Write to this file, not to stdout.", rich_help_panel=_OUTPUT
            ),
        ],
        None,
    ),
    "force": (
        Annotated[
            bool,
            typer.Option("--force", help="Overwrite existing files.", rich_help_panel=_OUTPUT),
        ],
        False,
    ),
    "wide": (
        Annotated[
            bool,
            typer.Option("--wide", help="All columns, nothing cut.", rich_help_panel=_OUTPUT),
        ],
        False,
    ),
    "color": (
        Annotated[Color, typer.Option(help="When to colour.", rich_help_panel=_OUTPUT)],
        Color.auto,
    ),
    "fail_on": (
        Annotated[
            FailOn,
            typer.Option(
                metavar="LEVEL",
                help=f"Exit with 1 on findings of this level or above: {', '.join(FailOn)}.",
                rich_help_panel=_OUTPUT,
            ),
        ],
        FailOn.never,
    ),
    "strict": (
        Annotated[
            bool,
            typer.Option(
                "--strict", help="Exit with 4 if anything was skipped.", rich_help_panel=_OUTPUT
            ),
        ],
        False,
    ),
    "quiet": (
        Annotated[
            bool, typer.Option("--quiet", "-q", help="Only the result.", rich_help_panel=_OUTPUT)
        ],
        False,
    ),
    "verbose": (
        Annotated[
            bool,
            typer.Option(
                "--verbose", "-v", help="Show each statement sent.", rich_help_panel=_OUTPUT
            ),
        ],
        False,
    ),
}


_GATE = Annotated[
    Gate,
    typer.Option(
        metavar="LEVEL",
        help="Exit with 1 on what became worse (regression), or on findings of this level or "
        f"above: {', '.join(Gate)}.",
        rich_help_panel=_OUTPUT,
    ),
]


def _format_option(formats: Formats) -> tuple[Any, object]:
    option = typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help=f"Output format: {', '.join(formats)}.",
        rich_help_panel=_OUTPUT,
        show_default=f"by the name of --output, else {next(iter(formats))}",
    )
    return Annotated[formats | None, option], None


def new_app(*, group_help: str = "") -> typer.Typer:
    """A Typer app for one command module: plain help, so that help imports nothing."""
    options: dict[str, Any] = {
        "add_completion": False,
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "context_settings": {"help_option_names": ["--help", "-h"]},
    }
    if group_help:
        options |= {"help": group_help, "no_args_is_help": True}
    return typer.Typer(**options)


class _SectionedCommand(TyperCommand):
    """Help with the options in sections: the command's own, Target, Output."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """A required argument without the braces that Typer puts around it."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or default
            sections.setdefault(panel, []).append(record)
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def command(
    app: typer.Typer,
    *,
    target: Literal["required", "optional", "none"] = "required",
    name: str | None = None,
    fail_on: FailOn | Gate = FailOn.never,
    epilog: str | None = None,
    saved: bool = False,
    formats: Formats = Format,
) -> Callable[[Callable[..., Report]], Callable[..., Report]]:
    """Register a function as a subcommand with the shared options.

    Args:
        app: the Typer app it belongs to.
        target: ``required`` resolves a target from wherever one is named; ``optional`` takes one
            only when it is given; ``none`` has no target options. (The function decides by calling
            ``run.session()`` or looking at ``run.target_given``.)
        name: the subcommand's name; derived from the function's by default.
        fail_on: the default of ``--fail-on``.
        epilog: text below the options in help, for an example.
        saved: whether it takes ``--from``, a snapshot in place of a target.
        formats: what the output may be; the first is the default.
    """

    def decorate(function: Callable[..., Report]) -> Callable[..., Report]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        shared = {"format": _format_option(formats)} | _OUTPUT_OPTIONS
        if isinstance(fail_on, FailOn):
            shared["fail_on"] = (shared["fail_on"][0], fail_on)
        else:
            shared["fail_on"] = (_GATE, fail_on)
        if target != "none":
            shared = _TARGET_OPTIONS | (_FROM_OPTION if saved else {}) | shared
        extra = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for key, (annotation, default) in shared.items()
        ]
        if target != "none":
            extra.insert(
                0,
                inspect.Parameter(
                    "target", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Target
                ),
            )
        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        for one in keywords + extra:
            _name_value(one)

        caller = inspect.Parameter(
            "caller", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )

        def wrapper(caller: typer.Context, **values: Any) -> None:
            given = {key: values.pop(key) for key in [one.name for one in extra]}
            made = _run(function, values, given, formats)
            if isinstance(caller.obj, list):  # a program wants the report: dbtune.cli.ask
                caller.obj.append(made[0])
            else:
                _finish(*made)

        wrapper.__doc__ = function.__doc__
        wrapper.__name__ = function.__name__
        parameters = [*keywords, *extra, caller]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(name=name, cls=_SectionedCommand, epilog=epilog)(wrapper)
        return function

    return decorate


_VALUES = {str: "TEXT", int: "N", float: "NUMBER", Path: "FILE"}


def _name_value(parameter: inspect.Parameter) -> None:
    """Call a value in help as manuals do; Typer says ``<int range>`` and ``{name}``."""
    kind, *details = get_args(parameter.annotation)
    kinds = {*get_args(kind), kind} & _VALUES.keys()  # int of int | None, and of list[int] | None
    kinds |= {k for one in get_args(kind) for k in get_args(one)} & _VALUES.keys()
    for detail in details:
        if not isinstance(detail, ParameterInfo) or detail.metavar is not None:
            continue
        if isinstance(detail, ArgumentInfo):
            name = parameter.name.upper()
            detail.metavar = name if parameter.default is parameter.empty else f"[{name}]"
        elif kinds and not detail.parser:
            detail.metavar = _VALUES[kinds.pop()]


def _run(
    function: Callable[..., Report],
    values: dict[str, Any],
    given: dict[str, Any],
    formats: Formats,
) -> tuple[Report, Output, FailOn | Gate, bool]:
    output = Output(
        given["format"],
        given["output"],
        given["force"],
        given["wide"],
        given["color"],
        given["quiet"],
        formats,
    )
    run = Run(
        verbose=given["verbose"], quiet=given["quiet"], saved=given.get("saved"), output=output
    )
    if "target" in given:
        run.target, run.url, run.profile_name = given["target"], given["url"], given["profile"]
        run.connect_timeout_seconds = parse_seconds(given["connect_timeout"])
        run.timeout_seconds = parse_seconds(given["timeout"])
    if output.path is not None:
        from dbtune.cli.output import check_writable

        check_writable(output)  # before any work is done, not after
    report = function(run, **values)
    return report, run.output or output, given["fail_on"], given["strict"]


def _finish(report: Report, output: Output, fail_on: FailOn | Gate, strict: bool) -> NoReturn:
    from dbtune.cli.output import emit
    from dbtune.finding import Level

    emit(report, output)
    if output.format is Format.nagios:
        from dbtune.render.nagios import exit_code

        raise typer.Exit(exit_code(report))
    name = "warning" if fail_on is Gate.regression else fail_on.value
    level = None if name == FailOn.never else Level[name]
    raise typer.Exit(report.exit_code(level, strict=strict))


def piped(otherwise: str) -> list[str]:
    """``-``, the name of standard input, if something is piped into it.

    Raises:
        UsageError: a person sits there, and is told what else to do.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(otherwise)
    return ["-"]


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the command as Ctrl-C does, with everything cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # A signal that is ignored stays so: nohup.
    caught = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --------------------------------------------------------------------------- types of option values


def text_parser(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make a text parser one whose failure is the option's usage error."""

    def convert(text: str) -> Any:
        try:
            return parse(str(text))
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None

    return convert


def size_option(*names: str, **options: Any) -> Any:
    """A Typer option that takes a size (``8GB``) and gives bytes."""
    return typer.Option(*names, parser=text_parser(parse_bytes), metavar="SIZE", **options)


def duration_option(*names: str, **options: Any) -> Any:
    """A Typer option that takes a duration (``20ms``, ``60s``) and gives seconds."""
    return typer.Option(*names, parser=text_parser(parse_seconds), metavar="DURATION", **options)
