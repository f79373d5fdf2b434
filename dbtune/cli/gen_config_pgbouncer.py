"""``dbtune gen-config pgbouncer``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtune.cli.command import Run, command, duration_option, new_app, text_parser, typed
from dbtune.cli.pool_options import parse_share, pool_options
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.postgres.pgbouncer.pooler import (
    Database,
    Form,
    Pooler,
    Version,
    key,
    parse_version,
)
from dbtune.report import Report
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.postgres.session import Session

pgbouncer = new_app()

_NO_DATABASE = "the database app on this machine stands for yours: name it with --database app=HOST"
_APART, _TLS = "Pools apart from the application's", "TLS"


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


def parse_replicas(text: str) -> tuple[str, tuple[str, ...]]:
    """``app=replica1,replica2``: a database's name, and hosts.

    Raises:
        UsageError: it is not that.
    """
    name, _, hosts = text.partition("=")
    found = tuple(host.strip() for host in hosts.split(",") if host.strip())
    if not name or not found:
        raise UsageError(f"{plain(text)!r} is not NAME=HOST[,HOST...]")
    return name, found


def parse_part(text: str) -> tuple[str, float]:
    """``app=3``: a database's name, and its part of the load.

    Raises:
        UsageError: it is not that.
    """
    name, _, number = text.rpartition("=")
    if not name or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", number):
        raise UsageError(f"{plain(text)!r} is not NAME=NUMBER, as app=3")
    return name, float(number)


def _repeated(parse: Any, metavar: str, text: str, **options: Any) -> Any:
    options = {"show_default": False} | options
    return typer.Option(parser=text_parser(parse), metavar=metavar, help=text, **options)


def _file(text: str) -> Any:
    return typer.Option(metavar="FILE", help=text, rich_help_panel=_TLS, show_default=False)


@command(
    pgbouncer,
    name="pgbouncer",
    target="optional",
    writes="Folder for the files; without it they go to stdout.",
    epilog="Example: dbtune gen-config pgbouncer --database app=db.internal --cpus 8 "
    "--max-connections 100 --instances 5 -o /etc/pgbouncer",
)
@pool_options(pooler=False, without=("databases",))
def generate_pgbouncer(
    run: Run,
    given: PoolInputs,
    database: Annotated[
        list[Any] | None,
        _repeated(
            parse_database,
            "NAME[=HOST[:PORT][/DBNAME]]",
            "A database behind PgBouncer. Repeat it for several.",
            show_default="the TARGET's",
        ),
    ] = None,
    all_databases: Annotated[
        bool,
        typer.Option(
            "--all-databases", help="With a TARGET: all that are used, by their measured load."
        ),
    ] = False,
    share: Annotated[
        list[Any] | None,
        _repeated(
            parse_part,
            "NAME=NUMBER",
            "A database's part of the load. Repeat it for several.",
            show_default="1 each",
        ),
    ] = None,
    replica: Annotated[
        list[Any] | None,
        _repeated(
            parse_replicas,
            "NAME=HOST[,HOST...]",
            "Hosts that answer a database's reads, as NAME_ro. Repeat it for several.",
            rich_help_panel=_APART,
        ),
    ] = None,
    read_share: Annotated[
        float,
        _repeated(
            parse_share,
            "SHARE",
            "Part of the load that replicas get.",
            show_default=True,
            rich_help_panel=_APART,
        ),
    ] = typed("50%"),
    reports: Annotated[
        int,
        typer.Option(
            help="Connections for reports, as NAME_report; on replicas if there are any.",
            rich_help_panel=_APART,
        ),
    ] = 0,
    report_timeout: Annotated[
        float,
        duration_option(positive=True, help="Time limit of a report.", rich_help_panel=_APART),
    ] = typed("10min"),
    report_user: Annotated[
        list[str] | None,
        typer.Option(
            help="Role that runs reports, with that limit. Repeat it for several.",
            rich_help_panel=_APART,
            show_default=False,
        ),
    ] = None,
    admin: Annotated[
        int,
        typer.Option(
            help="Connections for migrations, dumps and people, as NAME_admin.",
            rich_help_panel=_APART,
        ),
    ] = 0,
    pgbouncer_version: Annotated[
        Any,  # a Version; Typer would take a tuple for two values
        _repeated(
            parse_version,
            "VERSION",
            "PgBouncer's version, as 1.25.",
            show_default="what all since 1.18 understand",
        ),
    ] = None,
    listen_addr: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen at.",
            show_default="127.0.0.1; * with --form docker",
        ),
    ] = "",
    listen_port: Annotated[int, typer.Option(help="Port to listen at.")] = 6432,
    auth_user: Annotated[
        str, typer.Option(help="Role that looks up passwords.")
    ] = "pgbouncer_auth",
    request_timeout: Annotated[
        float, duration_option(positive=True, help="The application's time limit for a request.")
    ] = typed("30s"),
    tls_cert: Annotated[str, _file("What PgBouncer shows to clients.")] = "",
    tls_key: Annotated[str, _file("Its key.")] = "",
    client_ca: Annotated[str, _file("Clients need a certificate of this authority, too.")] = "",
    server_ca: Annotated[str, _file("The servers' certificate authority.")] = "",
    server_cert: Annotated[str, _file("What PgBouncer shows to servers.")] = "",
    server_key: Annotated[str, _file("Its key.")] = "",
    config_dir: Annotated[
        str, typer.Option(metavar="DIR", help="Where the files will lie.")
    ] = "/etc/pgbouncer",
    stats_user: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Role that may run SHOW. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Form, typer.Option(help="What runs it: files alone, or with a unit or a compose file.")
    ] = Form.files,
    interval: Annotated[
        float,
        duration_option(help="With a TARGET: observe its load for so long; 0 not at all."),
    ] = typed("10s"),
) -> Report:
    """Generate pgbouncer.ini, userlist.txt and the SQL for auth_query, with derived sizes.

    Sizes come from the same options as in dbtune pool-size, and with a TARGET from its limits and
    its load. Several files: --output names a folder.
    """
    from dbtune.pooling.model import derive
    from dbtune.postgres.pgbouncer_ini import generate

    shares, replicas = dict(share or ()), dict(replica or ())

    def pooler(databases: Iterable[Database]) -> Pooler:
        return Pooler(
            databases=tuple(_with(list(databases), shares, replicas)),
            version=pgbouncer_version,
            listen_addr=listen_addr or ("*" if form is Form.docker else "127.0.0.1"),
            listen_port=listen_port,
            auth_user=auth_user,
            request_seconds=request_timeout,
            read_share=read_share,
            admin=admin,
            reports=reports,
            report_seconds=report_timeout,
            report_users=tuple(report_user or ()),
            tls_cert_file=tls_cert,
            tls_key_file=tls_key,
            client_ca_file=client_ca,
            server_ca_file=server_ca,
            server_cert_file=server_cert,
            server_key_file=server_key,
            config_dir=config_dir,
            stats_users=tuple(stats_user or ()),
            form=form,
        )

    if all_databases and (database or not run.target_given):
        raise UsageError("--all-databases reads them from a TARGET: give one, and no --database")
    if not run.target_given:
        report = generate(derive(given), pooler(database or [Database("app")]))
        return report if database else replace(report, notes=(_NO_DATABASE, *report.notes))

    from dbtune.postgres.pool_size import plan_for
    from dbtune.postgres.server import read_server, target

    with run.postgres() as session:
        server = read_server(session)
        notes: tuple[str, ...] = ()
        host, _, port = session.address.rpartition(":")
        if all_databases:
            place = host, int(port)
            database, given, notes = _measured(session, given, place, pgbouncer_version)
        plan, _ = plan_for(session, given, interval, run.wait)
        named = database or [Database(session.database, host, int(port))]
        report = generate(plan, pooler(named))
        return replace(
            report,
            target=target(session, server),
            collected_at=server.now,
            notes=(*notes, *report.notes),
        )


def _with(
    databases: list[Database], shares: dict[str, float], replicas: dict[str, tuple[str, ...]]
) -> Iterable[Database]:
    names = {one.name for one in databases}
    for option, given in (("--share", shares), ("--replica", replicas)):
        if unknown := sorted(given.keys() - names):
            raise UsageError(
                f"{option} {plain(unknown[0])}: there is no such database; there are "
                + ", ".join(plain(name) for name in sorted(names))
            )
    for one in databases:
        yield replace(
            one,
            share=shares.get(one.name, one.share),
            replicas=replicas.get(one.name, one.replicas),
        )


def _measured(
    session: Session, given: PoolInputs, place: tuple[str, int], version: Version | None
) -> tuple[list[Database], PoolInputs, tuple[str, ...]]:
    """The databases in use, and the users of each unless an option says how many."""
    from dbtune.errors import TargetError, Unavailable
    from dbtune.facts import Live
    from dbtune.postgres.facts.connections import connections
    from dbtune.postgres.facts.databases import databases
    from dbtune.postgres.pgbouncer.measured import used_databases

    source = Live(session)
    try:
        counted, connected = source.of(databases), source.of(connections)
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name}: {missing}") from None
    used = used_databases(counted, connected, (session.user, session.database))
    if not used.shares:
        raise UsageError("no database of that server has been used: name them with --database")
    if "users" not in given.origins and used.users > 1:
        origins = {**given.origins, "users": "pg_stat_activity: most roles in one database now"}
        given = replace(given, users=used.users, origins=origins)
    parts = ", ".join(f"{plain(name)} {part:.1%}" for name, part in used.shares.items())
    notes = [f"parts of the load, by {used.by} since statistics began: {parts}"]
    found = []
    for name, part in used.shares.items():
        try:
            found.append(Database(name, *place, share=part))
            key(name, version)
        except UsageError as impossible:
            found = [one for one in found if one.name != name]
            notes.append(f"left out: {impossible}")
    if not found:
        raise UsageError("; ".join(notes[1:]))
    return found, given, tuple(notes)
