"""``dbtune bench``: says what there is; each measurement is a command of two words."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from dbtune.cli.command import SectionedCommand, new_app
from dbtune.errors import UsageError
from dbtune.text import plain

app = new_app()
_KINDS = ("pool", "writes", "index", "cache")


@app.command(cls=SectionedCommand, no_args_is_help=True, epilog="Example: dbtune bench pool demo")
def bench(
    kind: Annotated[
        str, typer.Argument(metavar="COMMAND", help="pool, writes, index or cache.")
    ] = "",
) -> None:
    """Measure on a real server what a tuning guide claims, with confidence intervals.

    They load the server: for staging and test servers, or the demo.
    """
    close = get_close_matches(kind, _KINDS, n=1)
    hint = f"did you mean {close[0]}?" if close else "dbtune bench --help tells more"
    raise UsageError(f"no benchmark {plain(kind)!r}; {hint}")
