"""``dbtune schema``: the JSON Schema of a command's JSON output."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtune.cli import complete
from dbtune.cli.command import new_app
from dbtune.errors import UsageError
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.report import Table

app = new_app()


@app.command(epilog="Example: dbtune schema bench pool > bench-pool.schema.json")
def schema(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND...", help="A dbtune command.", autocompletion=complete.commands
        ),
    ],
) -> None:
    """Print the JSON Schema (2020-12) of a command's --format json output."""
    from dbtune.cli import COMMANDS
    from dbtune.render.json import dumps

    command_name = " ".join(words)
    if command_name not in COMMANDS or _tables(command_name) is None:
        described = [name for name in COMMANDS if _tables(name)]
        close = get_close_matches(command_name, described, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; one of: {', '.join(described)}"
        raise UsageError(f"no schema for {plain(command_name)!r}{hint}")
    typer.echo(dumps(schema_of(command_name), indent=2))


def schema_of(command_name: str) -> dict[str, Any]:
    """The JSON Schema of a command that has one."""
    from dbtune.render.document import schema as json_schema

    return json_schema(command_name, _tables(command_name) or ())


def _tables(name: str) -> tuple[Table, ...] | None:
    """What a command's module says its reports hold; only that module is imported."""
    from dbtune.cli import COMMANDS

    tables: tuple[Table, ...] | None = getattr(
        import_module(f"dbtune.cli.{COMMANDS[name][0]}"), "TABLES", None
    )
    return tables
