"""Options that subcommands share, and what the values of options are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.models import ArgumentInfo, ParameterInfo

from dbtune.cli import complete
from dbtune.cli.formats import Color, FailOn, Formats, Gate
from dbtune.errors import UsageError
from dbtune.text import parse_bytes, parse_seconds

LIMIT = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=100_000, help="Most rows of each table.")
]

_TARGET = "Target"
_OUTPUT = "Output"

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


def _output_option(writes: str) -> tuple[Any, object]:
    option = typer.Option(
        "--output",
        "-o",
        metavar="DIR" if "folder" in writes.lower() else "FILE",
        help=writes or "Write to this file, not to stdout.",
        rich_help_panel=_OUTPUT,
    )
    return Annotated[Path | None, option], None


def shared_options(
    fail_on: FailOn | Gate, formats: Formats, *, target: bool, saved: bool, writes: str = ""
) -> dict[str, tuple[Any, object]]:
    """Annotation and default of each option that a subcommand shares with others, by its name.

    Args:
        fail_on: the default of ``--fail-on``.
        formats: what the output may be; the first is the default.
        target: whether it has a target.
        saved: whether it takes ``--from``, a snapshot in place of a target.
        writes: what ``--output`` names, if that is not a file for the report.
    """
    shared = {"format": _format_option(formats), "output": _output_option(writes)}
    shared |= _OUTPUT_OPTIONS
    shared["fail_on"] = (shared["fail_on"][0] if isinstance(fail_on, FailOn) else _GATE, fail_on)
    if target:
        shared = _TARGET_OPTIONS | (_FROM_OPTION if saved else {}) | shared
    return shared


_VALUES = {str: "TEXT", int: "N", float: "NUMBER", Path: "FILE"}
_NAMED = {
    **dict.fromkeys(("only", "exclude"), "CHECK"),
    **dict.fromkeys(("user", "auth_user", "report_user", "stats_user"), "ROLE"),
    **dict.fromkeys(("database", "dbname", "schema", "service"), "NAME"),
    "tag": "TAG",
    "url": "URL",
    "sql": "SQL",
    "ram": "SIZE",
    "host": "ADDRESS",
    **dict.fromkeys(("port", "instances", "workers"), "N"),
    "cpus": "NUMBER",
}
"""What options of these names take, whatever type parses it."""


def name_value(parameter: inspect.Parameter) -> None:
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
            detail.metavar = _NAMED.get(parameter.name, _VALUES[kinds.pop()])


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


def duration_option(*names: str, positive: bool = False, **options: Any) -> Any:
    """A Typer option that takes a duration (``20ms``, ``60s``) and gives seconds.

    Args:
        names: of the option.
        positive: whether 0 is refused: as a limit it would end everything at once.
        options: of Typer.
    """

    def more_than_none(text: str) -> float:
        seconds = parse_seconds(text)
        if positive and seconds == 0:
            raise UsageError(f"{text} is no limit to keep; give more than 0, as 30s")
        return seconds

    return typer.Option(*names, parser=text_parser(more_than_none), metavar="DURATION", **options)


def typed(text: str) -> Any:
    """A default of such an option, as a user types it: Typer parses it likewise."""
    return text


def seconds_option(*names: str, least: int, most: int, **options: Any) -> Any:
    """As :func:`duration_option`, for whole seconds within limits; gives an integer."""

    def whole(text: str) -> int:
        seconds = parse_seconds(text)
        if seconds != int(seconds) or not least <= seconds <= most:
            raise UsageError(f"{text} is not a number of whole seconds from {least}s to {most}s")
        return int(seconds)

    return typer.Option(*names, parser=text_parser(whole), metavar="DURATION", **options)
