"""``dbtune activity terminate``."""

from __future__ import annotations

from dbtune.activity import ENDED
from dbtune.cli.activity_cancel import BEGAN, PID, YES, ended
from dbtune.cli.command import Run, command, new_app
from dbtune.report import Report

TABLES = (ENDED,)

app = new_app()


@command(app, epilog="Example: dbtune activity terminate 4711 prod --yes")
def terminate(run: Run, pid: PID, yes: YES = False, began: BEGAN = None) -> Report:
    """End a session: its transaction is rolled back, its locks are released.

    It is shown first, and asked about. Nothing happens if the process does something else by then.
    """
    return ended(run, pid, "terminate", yes=yes, began=began)
