"""``dbtune gen-config tables``."""

from __future__ import annotations

from typing import Annotated

from dbtune.cli.command import Run, command, new_app, size_option, typed
from dbtune.report import Report

tables = new_app()


@command(
    tables,
    name="tables",
    saved=True,
    epilog="Example: dbtune gen-config tables prod --min-size 500MB -o settings",
)
def table_settings(
    run: Run,
    min_size: Annotated[int, size_option(help="Only tables at least so large.")] = typed("64MB"),
) -> Report:
    """Generate settings for single tables from what happens to them, and what takes them back.

    When autovacuum comes, fillfactor, statistics: ALTER TABLE with the reason for each. Only the
    catalog and counters are read. Two files: --output names a folder.
    """
    from dbtune.postgres.table_settings.report import of_session, of_snapshot

    if (snapshot := run.snapshot()) is not None:
        return of_snapshot(snapshot.require("postgresql"), min_size)
    with run.postgres() as session:
        return of_session(session, min_size)
