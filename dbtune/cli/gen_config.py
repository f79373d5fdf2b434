"""``dbtune gen-config``: configuration files with the reason for every line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import Run, command, new_app, size_option
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.inputs import Options, Storage, System, Workload
from dbtune.postgres.config.report import TABLES as TABLES
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.profile import Profile

app = new_app(group_help="Generate configuration files, every line explained.")


@app.callback()
def _kinds() -> None:
    """Generate configuration files, every line explained."""


@command(
    app,
    target="optional",
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
        typer.Option(min=0.1, help="CPUs of that machine.", show_default="this machine's"),
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
    connections: Annotated[
        int | None,
        typer.Option(help="Client connections to allow.", show_default="what RAM and CPUs carry"),
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
) -> Report:
    """Generate postgresql.conf settings from options, from this machine, or from a server.

    With a TARGET: only what should change there. Without one, what no option says is read from this
    machine (cgroup limits respected). The file goes to stdout or --output, what is to be said about
    it to stderr.
    """
    options = Options(ram, cpus, storage, workload, connections, pg_version, os, wal_disk)
    if not run.target_given:
        from dbtune.postgres.config.generate import from_options

        return from_options(options, form)
    profile = run.profile()
    return _from_target(run, profile, options, form)


def _from_target(run: Run, profile: Profile, options: Options, form: Form) -> Report:
    from dbtune.postgres.config.generate import from_session

    with run.postgres(profile) as session:
        return from_session(session, options, form)
