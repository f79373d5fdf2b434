"""``dbtune schema``: the JSON Schema of a command's JSON output."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer

from dbtune.cli.command import new_app
from dbtune.errors import UsageError

app = new_app()


@app.command(epilog="Example: dbtune schema slow-queries > slow-queries.schema.json")
def schema(
    command_name: Annotated[str, typer.Argument(metavar="COMMAND", help="A dbtune command.")],
) -> None:
    """Print the JSON Schema (2020-12) of a command's --format json output."""
    from dbtune.cli import COMMANDS
    from dbtune.render.document import schema as json_schema
    from dbtune.render.json import dumps

    described = [name for name in COMMANDS if hasattr(_module(name), "TABLES")]
    if command_name not in described:
        close = get_close_matches(command_name, described, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; one of: {', '.join(described)}"
        raise UsageError(f"no schema for {command_name!r}{hint}")
    typer.echo(dumps(json_schema(command_name, _module(command_name).TABLES), indent=2))


def _module(name: str) -> ModuleType:
    from dbtune.cli import COMMANDS

    return import_module(f"dbtune.cli.{COMMANDS[name][0]}")
