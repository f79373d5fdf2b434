"""``dbtune activity cancel``."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from dbtune.activity import ENDED
from dbtune.cli.command import Run, command, new_app, text_parser
from dbtune.errors import UsageError
from dbtune.report import Report

TABLES = (ENDED,)

app = new_app()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time; take the session's began of dbtune activity --once -f json"
        ) from None


PID = Annotated[int, typer.Argument(metavar="PID", min=1, help="Process, as activity shows it.")]
YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
BEGAN = Annotated[
    Any,
    typer.Option(
        parser=text_parser(_moment),
        metavar="TIME",
        help="Only if the session began then: a process number may be another session's by now.",
        show_default=False,
    ),
]


@command(app, epilog="Example: dbtune activity cancel 4711 prod")
def cancel(run: Run, pid: PID, yes: YES = False, began: BEGAN = None) -> Report:
    """Cancel the statement that a session executes; the session stays.

    It is shown first, and asked about. Nothing happens if the process does something else by then.
    """
    return ended(run, pid, "cancel", yes=yes, began=began)


def ended(
    run: Run, pid: int, action: Literal["cancel", "terminate"], *, yes: bool, began: datetime | None
) -> Report:
    """Cancel or terminate, after asking.

    Raises:
        UsageError: nobody can be asked, and ``--yes`` was not given.
    """
    from dbtune.postgres.activity.end import end

    def confirm(sentence: str) -> bool:
        if yes:
            run.say(sentence)
            return True
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"nobody is there to be asked; give --yes to do it. {sentence}")
        return typer.confirm(f"{sentence}\n{action.capitalize()} it?", err=True)

    with run.postgres() as session:
        return end(session, pid, action, began=began, confirm=confirm)
