"""Options for logs that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.errors import UsageError

if TYPE_CHECKING:
    from dbtune.postgres.logs.stream import Wanted

AUTO = "auto"
PANEL = "Server logs"
LinePrefix = Annotated[
    str,
    typer.Option(
        metavar="PREFIX",
        help="The server's log_line_prefix; auto reads it off the lines.",
        rich_help_panel=PANEL,
    ),
]


def wanted_of(prefix: str, *, logs: bool) -> Wanted:
    """How to read logs whose lines begin like this.

    Raises:
        UsageError: a prefix is given, and no log.
    """
    from dbtune.postgres.logs.stream import Wanted

    if prefix != AUTO and not logs:
        raise UsageError("--log-line-prefix is for logs: name them by --log FILE")
    return Wanted(prefix=None if prefix == AUTO else prefix)
