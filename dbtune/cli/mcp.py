"""``dbtune mcp``."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from dbtune.at_once import apart
from dbtune.cli import complete
from dbtune.cli.command import interrupted_by_signals, new_app
from dbtune.errors import UsageError

app = new_app()


@app.command(
    epilog='Example of an assistant\'s settings: {"command": "dbtune", "args": ["mcp", "prod"]}'
)
def mcp(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE]...",
            help="Only these targets may be asked for; without any, every profile.",
            show_default=False,
            autocompletion=complete.profiles,
        ),
    ] = None,
) -> None:
    """Offer the read-only subcommands to assistants and editors (Model Context Protocol).

    It speaks on standard input and output, and is started by the assistant. Targets are named by
    profile: no password is seen. Nothing is written, and no statement is executed.
    """
    try:
        from dbtune.service.mcp import server
    except ImportError:
        raise UsageError("this needs the MCP SDK: pip install 'dbtune[mcp]'") from None
    from dbtune.cli.ask import ask, target_options
    from dbtune.profile import named, resolve

    for name in profiles or ():
        named(name)  # a mistyped name is said now, not to the assistant
    default: tuple[str, ...] = ()
    with suppress(UsageError):  # none: each tool says what to do
        default = target_options(resolve()) if not profiles else ()
    if sys.stdin.isatty():
        typer.echo("waiting for an assistant on standard input; Ctrl-C ends it", err=True)
    offered = server(ask, profiles or (), default)
    # Reading standard input can't be interrupted: it is done where nobody waits for its end.
    with interrupted_by_signals():
        apart(offered.run).result()
