"""The command line: a lazy table of subcommands and the one error boundary.

Only the subcommand that was asked for is imported, and it imports its engine when it runs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from dbtune import __version__
from dbtune.errors import DbtuneError, Exit

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("check", "Judge a server's health: what is wrong, in order of harm."),
    "activity": ("activity", "Watch sessions: who waits, and who blocks whom."),
    "activity cancel": ("activity_cancel", "Cancel the statement that a session executes."),
    "activity terminate": ("activity_terminate", "End a session; what it did is rolled back."),
    "slow-queries": ("slow_queries", "Rank statements by cost, and say what is wrong."),
    "explain": ("explain", "Read plans: where the time went, what is wrong."),
    "explain diff": ("explain_diff", "Compare two plans: faster or slower, and why."),
    "explain check": ("explain_check", "Judge plans by a policy, for CI."),
    "explain flame": ("explain_flame", "Draw where a plan's time went as a flame graph."),
    "suggest-indexes": ("suggest_indexes", "Suggest the indexes that serve a workload best."),
    "bloat": ("bloat", "Find wasted space: where, why, and the safest way back."),
    "cache": ("cache", "Judge a cache; find what is worth caching."),
    "pool-size": ("pool_size", "Derive connection pool sizes, step by step."),
    "gen-config": ("gen_config", "Generate configuration with the reason for every line."),
    "bench": ("bench", "Measure what a tuning guide claims; loads the target."),
    "bench pool": ("bench_pool", "Throughput by pool size, through a real PgBouncer."),
    "bench writes": ("bench_writes", "Ways of writing rows: single, batches, COPY."),
    "bench index": ("bench_index", "Statements without and with an index."),
    "bench cache": ("bench_cache", "A query against a hit in Redis."),
    "snapshot": ("snapshot", "Save all facts of a target to a file."),
    "compare": ("compare", "Compare snapshots: what changed, better or worse."),
    "watch": ("watch", "Take snapshots regularly; tell what became worse."),
    "report": ("report", "Write one document on an application's servers."),
    "profile": ("profile", "Add, list, show, test, edit and remove targets."),
    "rules": ("rules", "List and explain the rules that findings come from."),
    "schema": ("schema", "Print the JSON Schema of a command's output."),
    "serve": ("serve", "Serve reports over HTTP, and metrics for Prometheus."),
    "mcp": ("mcp", "Offer the reading commands to assistants."),
    "demo": ("demo", "Start a PostgreSQL with planted problems to try it on."),
}
"""Name: (module in dbtune.cli, one line of help). Help is printed from here, importing nothing.

A name of two words is a command beside the first: ``explain diff``, unless ``diff`` is a file.
"""

SECTIONS = {
    "check": "A server, now",
    "pool-size": "Sizes and configuration",
    "snapshot": "Over time",
    "profile": "Targets, rules, programs",
}
"""The command with which a section of the help begins: its title."""

EPILOG = """\
Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage or configuration, 3 target
unreachable or timed out, 4 something was skipped and --strict, or --apply failed, 70 a bug
in dbtune, 130 interrupted."""


class LazyGroup(TyperGroup):
    """A group that imports a subcommand's module only when that subcommand is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = " ".join(args[:2])
        if len(args) > 1 and name in COMMANDS and not os.path.isfile(args[1]):  # noqa: PTH113
            return name, self.get_command(ctx, name), args[2:]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dbtune.cli.{COMMANDS[cmd_name][0]}")
        found = get_command(module.app)
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        title = ""
        for name, (_, text) in COMMANDS.items():
            title = SECTIONS.get(name, title)
            sections.setdefault(title, []).append((name, text))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:18}", text) for name, text in rows])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        items: list[Any] = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete) and " " not in name
        ]
        return (
            items
            if items or not incomplete.startswith("-")
            else super().shell_complete(ctx, incomplete)
        )


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dbtune {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """DBA toolkit for PostgreSQL, MongoDB and Redis: advice with the numbers behind it.

    Example: dbtune slow-queries postgresql://user@host/database
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run dbtune and leave the process with the exit code that :class:`Exit` documents."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run dbtune with arguments; returns the exit code. Errors are sentences on stderr."""
    if sys.stdout is None:
        return _fail("can't write the output: stdout is closed", Exit.USAGE)
    # JSON is UTF-8 whatever the locale, and a CI job's locale is nobody's wish.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(encoding="utf-8")
    group = get_command(app)
    # TyperGroup keeps suggestions in its commands mapping; the lazy table is the truth.
    group.commands = dict.fromkeys(COMMANDS)  # type: ignore[attr-defined]
    try:
        code = group.main(arguments, prog_name="dbtune", standalone_mode=False)
        _flush()
        return int(code or 0)
    except SystemExit as leave:
        # Typer leaves like this when it has completed a word, or with 1 when stdout was closed.
        closed = type(sys.stdout).__name__ == "PacifyFlushWrapper"
        return Exit.OK if closed else int(leave.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        _learn_passwords(arguments)
        return _explain(error)


def _flush() -> None:
    sys.stdout.flush()
    if sys.stderr is not None:  # as it is when the shell closed it
        sys.stderr.flush()


def _learn_passwords(arguments: list[str]) -> None:
    """Whatever broke, and wherever: no password that we were given is in what we say about it."""
    from dbtune.redaction import Secret, passwords_in

    given = [os.environ.get(name, "") for name in ("DATABASE_URL", "MONGODB_URI", "REDIS_URL")]
    given += [text.partition("=")[2] if text.startswith("--") else text for text in arguments]
    words = [word for text in given for word in passwords_in(text)]
    words += [os.environ.get(name, "") for name in ("PGPASSWORD", "REDISCLI_AUTH")]
    for word in words:
        Secret(word)


def _explain(error: BaseException) -> int:
    if isinstance(error, DbtuneError):
        return _fail(str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _fail("interrupted", Exit.INTERRUPTED)
    if isinstance(error, BrokenPipeError):  # whoever read our output has seen enough
        _silence(sys.stdout)
        return Exit.OK
    if isinstance(error, OSError) and error.filename is None and error.errno is not None:
        _silence(sys.stdout)
        return _fail(f"can't write the output: {error.strerror}", Exit.USAGE)
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return _usage(error)
    return _bug(error)


def _silence(stream: Any) -> None:
    """Keep the interpreter from trying to write what is left, and complaining, when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    message = usage_text(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(message, err=True)
        return Exit.USAGE
    hint = f"\nTry: {context.command_path} --help" if context is not None else ""
    return _fail(message + hint, Exit.USAGE)


def usage_text(error: Any) -> str:
    """A usage error of Typer's in the words of a person."""
    text: str = error.format_message()
    text = re.sub(r"Got unexpected extra argument\S* \((.*)\)", r"too many arguments: \1", text)
    for typed, said in (("int", "whole number"), ("float", "number")):
        for kind in (f"{typed} range", typed):
            text = text.replace(f"is not a valid {kind}.", f"is not a {said}.")
    return text


def _fail(message: str, code: int) -> int:
    from dbtune.redaction import redact
    from dbtune.text import visible

    text = "\n".join(visible(line) for line in redact(message).split("\n"))
    try:
        typer.echo(f"dbtune: {text}", err=True)
    except OSError:  # a full disk, a reader that left: the exit code has to do
        _silence(sys.stderr)
    return code


def _bug(error: BaseException) -> int:
    import traceback

    from dbtune.redaction import redact

    if os.environ.get("DBTUNE_DEBUG"):
        typer.echo(redact("".join(traceback.format_exception(error))), err=True)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119
    return _fail(
        f"a bug in dbtune: {type(error).__name__} at {where}: {redact(str(error))[:500]}\n"
        "please report it with the output of the same command and DBTUNE_DEBUG=1",
        Exit.BUG,
    )
