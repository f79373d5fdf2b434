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
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from dbtune.cli.formats import Color, FailOn, Format, Formats, Gate, Output, Picture, Written
from dbtune.cli.invocation import Run, interrupted_by_signals, piped
from dbtune.cli.options import (
    LIMIT,
    Target,
    duration_option,
    name_value,
    seconds_option,
    shared_options,
    size_option,
    text_parser,
    typed,
)
from dbtune.text import parse_seconds

if TYPE_CHECKING:
    from dbtune.report import Report

__all__ = [
    "LIMIT", "Color", "FailOn", "Format", "Formats", "Gate", "Output", "Picture", "Run", "Written",
    "command", "duration_option", "interrupted_by_signals", "new_app", "piped", "seconds_option",
    "size_option", "text_parser", "typed",
]  # fmt: skip


class Group(TyperGroup):
    """Help that describes each command in a whole sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        names = self.list_commands(ctx)
        rows = [(name, self.commands[name].get_short_help_str(200)) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def new_app(*, group_help: str = "") -> typer.Typer:
    """A Typer app for one command module: plain help, so that help imports nothing."""
    options: dict[str, Any] = {
        "add_completion": False,
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "context_settings": {"help_option_names": ["--help", "-h"]},
    }
    if group_help:
        options |= {"help": group_help, "no_args_is_help": True, "cls": Group}
    return typer.Typer(**options)


def help_record(parameter: Any, ctx: Any) -> tuple[str, str] | None:
    """An option and its help; a default in words stands there as one in figures, unbracketed."""
    record = parameter.get_help_record(ctx)
    if record is None:
        return None
    name, text = record
    return name, re.sub(r"\[default: \((.*)\)(?=[;\]])", r"[default: \1", text)


class SectionedCommand(TyperCommand):
    """Help with the options in sections, and the commands of two words that begin with its name."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """A required argument without the braces that Typer puts around it."""
        pieces = [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]
        return [one for one in pieces if one != "[TARGET]" or "[TARGET]..." not in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        named: set[str] = set()
        for parameter in self.get_params(ctx):
            record = help_record(parameter, ctx)
            if record is None or (record[0] == "[TARGET]" and "[TARGET]..." in named):
                continue
            named.add(record[0])
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or default
            sections.setdefault(panel, []).append(record)
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        self._format_beside(formatter)

    def _format_beside(self, formatter: Any) -> None:
        from dbtune.cli import COMMANDS

        rows = [(n, text) for n, (_, text) in COMMANDS.items() if n.startswith(f"{self.name} ")]
        if rows:
            with formatter.section("Commands"):
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
    writes: str = "",
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
        writes: help of ``--output``, if that names something else than a file for the report.
    """

    def decorate(function: Callable[..., Report]) -> Callable[..., Report]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        shared = shared_options(
            fail_on, formats, target=target != "none", saved=saved, writes=writes
        )
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
            name_value(one)

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
        app.command(name=name, cls=SectionedCommand, epilog=epilog)(wrapper)
        return function

    return decorate


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

        # Before any work is done, not after.
        check_writable(output.path, "--output", force=output.force)
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
