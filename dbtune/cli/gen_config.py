"""``dbtune gen-config``: configuration files with the reason for every line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dbtune.alerts import RULES as ALERTS
from dbtune.apps.generate import SETTINGS as APPLICATION_SETTINGS
from dbtune.cli.command import Run, command, duration_option, new_app, size_option, text_parser
from dbtune.cli.gen_config_app import ConfigGroup
from dbtune.cli.pool_options import pool_options
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.inputs import Options, Storage, System, Workload
from dbtune.postgres.config.report import TABLES as POSTGRESQL_TABLES
from dbtune.postgres.pgbouncer.pooler import Database, Pooler, parse_version
from dbtune.postgres.pgbouncer_ini import TABLES as PGBOUNCER_TABLES
from dbtune.report import Report
from dbtune.server_settings import SETTINGS as SERVER_SETTINGS
from dbtune.text import plain

TABLES = (*POSTGRESQL_TABLES, *PGBOUNCER_TABLES, APPLICATION_SETTINGS, SERVER_SETTINGS, ALERTS)

app = new_app(group_help="Generate configuration files, every line explained.")
app.info.cls = ConfigGroup


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
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Start a throw-away server of that version with it, here."),
    ] = False,
    bindir: Annotated[
        Path | None,
        typer.Option(help="Its programs, for --verify.", show_default="those installed here"),
    ] = None,
) -> Report:
    """Generate postgresql.conf settings from options, this machine, or a server.

    With a TARGET: only what should change there. Without one, what no option says is read from this
    machine (cgroup limits respected). The file goes to stdout or --output, what is to be said about
    it to stderr.
    """
    from dbtune.postgres.config.generate import from_options, from_session

    attempt: Any = {}
    if verify:
        from dbtune.postgres.config.trial import try_plan

        attempt = {"attempt": lambda plan: try_plan(plan, bindir)}
    elif bindir is not None:
        raise UsageError("--bindir says where --verify finds a server: give both")
    options = Options(ram, cpus, storage, workload, connections, pg_version, os, wal_disk)
    if not run.target_given:
        return from_options(options, form, **attempt)
    with run.postgres() as session:
        return from_session(session, options, form, **attempt)


_NO_DATABASE = "the database app on this machine stands for yours: name it with --database app=HOST"


def parse_database(text: str) -> Database:
    """``app``, ``app=db.internal``, ``app=db.internal:5433/app_production``, ``app=/run/pg``.

    Raises:
        UsageError: it is none of these, or a part cannot stand in PgBouncer's file.
    """
    name, _, place = text.partition("=")
    if not place:
        return Database(name)
    if place.startswith("/"):
        return Database(name, place)
    match = re.fullmatch(r"(\[[^\]]+\]|[^:/\s]+)(?::(\d{1,5}))?(?:/(.+))?", place)
    if match is None:
        raise UsageError(f"{plain(text)!r} is not NAME, or NAME=HOST[:PORT][/DBNAME]")
    return Database(name, match[1].strip("[]"), int(match[2] or 5432), match[3] or "")


@command(
    app,
    target="optional",
    epilog="Example: dbtune gen-config pgbouncer --database app=db.internal --cpus 8 "
    "--max-connections 100 --instances 5 -o /etc/pgbouncer",
)
@pool_options(pooler=False, without=("databases",))
def pgbouncer(
    run: Run,
    given: PoolInputs,
    database: Annotated[
        list[Database] | None,
        typer.Option(
            parser=text_parser(parse_database),
            metavar="NAME[=HOST[:PORT][/DBNAME]]",
            help="A database behind PgBouncer; repeat it for several.",
            show_default="the TARGET's",
        ),
    ] = None,
    pgbouncer_version: Annotated[
        Any,  # a Version; Typer would take a tuple for two values
        typer.Option(
            parser=text_parser(parse_version),
            metavar="VERSION",
            help="PgBouncer's version, as 1.25.",
            show_default="what all since 1.18 understand",
        ),
    ] = None,
    listen_addr: Annotated[str, typer.Option(help="Where clients come in.")] = "127.0.0.1",
    listen_port: Annotated[int, typer.Option(help="And at which port.")] = 6432,
    auth_user: Annotated[
        str, typer.Option(help="Role that looks up passwords.")
    ] = "pgbouncer_auth",
    request_timeout: Annotated[
        float, duration_option(help="The application's time limit for a request.")
    ] = "30s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
    server_ca: Annotated[
        str, typer.Option(help="File of the servers' certificate authority.", show_default=False)
    ] = "",
    config_dir: Annotated[str, typer.Option(help="Where the files will lie.")] = "/etc/pgbouncer",
    stats_user: Annotated[
        list[str] | None,
        typer.Option(help="Role that may run SHOW; repeat it.", show_default=False),
    ] = None,
    interval: Annotated[
        float,
        duration_option(help="With a TARGET: observe its load for so long; 0 not at all."),
    ] = "10s",  # type: ignore[assignment]
) -> Report:
    """Generate pgbouncer.ini, userlist.txt and the SQL for auth_query, with derived sizes.

    Sizes come from the same options as in dbtune pool-size, and with a TARGET from its limits and
    its load. Several files: --output names a folder.
    """
    from dbtune.pooling.model import derive
    from dbtune.postgres.pgbouncer_ini import generate

    def pooler(*databases: Database) -> Pooler:
        return Pooler(
            databases=databases,
            version=pgbouncer_version,
            listen_addr=listen_addr,
            listen_port=listen_port,
            auth_user=auth_user,
            request_seconds=request_timeout,
            server_ca_file=server_ca,
            config_dir=config_dir,
            stats_users=tuple(stats_user or ()),
        )

    if not run.target_given:
        report = generate(derive(given), pooler(*database or [Database("app")]))
        return report if database else replace(report, notes=(_NO_DATABASE, *report.notes))

    from dbtune.postgres.pool_size import plan_for
    from dbtune.postgres.server import read_server, target

    with run.postgres() as session:
        server = read_server(session)
        plan, _ = plan_for(session, given, interval, run.wait)
        host, _, port = session.address.rpartition(":")
        report = generate(plan, pooler(*database or [Database(session.database, host, int(port))]))
        return replace(report, target=target(session, server), collected_at=server.now)
