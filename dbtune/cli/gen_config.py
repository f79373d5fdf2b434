"""``dbtune gen-config``: configuration files with the reason for every line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dbtune.alerts import RULES as ALERTS
from dbtune.apps.generate import SETTINGS as APPLICATION_SETTINGS
from dbtune.cli.command import Run, command, new_app, size_option
from dbtune.cli.gen_config_app import ConfigGroup
from dbtune.errors import UsageError
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.inputs import Options, Storage, System, Workload
from dbtune.postgres.config.report import TABLES as POSTGRESQL_TABLES
from dbtune.postgres.pgbouncer_ini import TABLES as PGBOUNCER_TABLES
from dbtune.postgres.table_settings.table import SETTINGS as TABLE_SETTINGS
from dbtune.report import Report
from dbtune.server_settings import SETTINGS as SERVER_SETTINGS

TABLES = (
    *POSTGRESQL_TABLES,
    *PGBOUNCER_TABLES,
    TABLE_SETTINGS,
    APPLICATION_SETTINGS,
    SERVER_SETTINGS,
    ALERTS,
)

app = new_app(group_help="Generate configuration files, every line explained.")
app.info.cls = ConfigGroup


@app.callback()
def _group() -> None:
    """Keeps Typer from making the one command here the whole group."""


@command(
    app,
    target="optional",
    saved=True,
    epilog="Example: dbtune gen-config postgresql --ram 8GB --cpus 4 -o dbtune.conf",
)
def postgresql(
    run: Run,
    ram: Annotated[
        int | None,
        size_option(help="RAM of the server's machine.", show_default="this machine's"),
    ] = None,
    cpus: Annotated[
        float | None,
        typer.Option(min=0.1, help="CPUs of the server's machine.", show_default="this machine's"),
    ] = None,
    storage: Annotated[
        Storage | None,
        typer.Option(
            help="What the data lie on; a cloud's block storage is ssd.", show_default="ssd"
        ),
    ] = None,
    workload: Annotated[
        Workload | None, typer.Option(help="What the database is for.", show_default="web")
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(help="The server's max_connections.", show_default="what RAM and CPUs carry"),
    ] = None,
    pg_version: Annotated[
        int | None, typer.Option(help="Major version, 13 to 18.", show_default="18")
    ] = None,
    os: Annotated[
        System | None,
        typer.Option("--os", help="The server's operating system.", show_default="linux"),
    ] = None,
    wal_disk: Annotated[
        int | None,
        size_option(help="Size of the file system that holds pg_wal.", show_default=False),
    ] = None,
    form: Annotated[Form, typer.Option(help="What to generate.")] = Form.conf,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Start a throw-away server of that version with it, here."),
    ] = False,
    bindir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Its programs, for --verify.", show_default="those installed here"
        ),
    ] = None,
) -> Report:
    """Generate postgresql.conf settings from options, this machine, or a server.

    With a TARGET or --from SNAPSHOT: only what should change there, from what its counters say.
    Without, what no option says is read from this machine (cgroup limits respected). The file goes
    to stdout or --output, what is to be said about it to stderr.
    """
    from dbtune.postgres.config.generate import from_options, from_session, from_snapshot

    attempt: Any = {}
    if verify:
        from dbtune.postgres.config.trial import try_plan

        attempt = {"attempt": lambda plan: try_plan(plan, bindir)}
    elif bindir is not None:
        raise UsageError("--bindir says where --verify finds a server: give both")
    options = Options(ram, cpus, storage, workload, max_connections, pg_version, os, wal_disk)
    if (snapshot := run.snapshot()) is not None:
        return from_snapshot(snapshot.require("postgresql"), options, form, **attempt)
    if not run.target_given:
        return from_options(options, form, **attempt)
    with run.postgres() as session:
        return from_session(session, options, form, **attempt)
