"""``dbtune gen-config FRAMEWORK``: the pool of an application, in its framework's own file."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from dbtune.cli.command import Run, command, duration_option, new_app, text_parser, typed
from dbtune.cli.pool_options import pool_options
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.postgres.pgbouncer.pooler import HAS_PREPARED_STATEMENTS, parse_version
from dbtune.report import Report
from dbtune.text import plain

SERVERS = {
    "pgbouncer": "Generate pgbouncer.ini, userlist.txt and the SQL for auth_query.",
    "tables": "Generate ALTER TABLE for tables that need settings of their own.",
    "redis": "Generate redis.conf for a cache, sessions, a store or a queue.",
    "mongod": "Generate the settings of mongod.conf that depend on machine and load.",
    "alerts": "Generate rules for Prometheus with thresholds from the planned sizes.",
}
"""Name of the subcommand: one line of help."""
MODULES = {"pgbouncer": "gen_config_pgbouncer", "tables": "gen_config_tables"}
"""Where a subcommand is, if not in ``gen_config_server``."""
FRAMEWORKS = {
    "django": "Django 5.1 and later: DATABASES in settings.py.",
    "sqlalchemy": "SQLAlchemy 2 with psycopg 3: create_engine.",
    "asyncpg": "asyncpg: create_pool.",
    "psycopg-pool": "psycopg 3: ConnectionPool.",
    "hikaricp": "HikariCP with pgjdbc: hikari.properties.",
    "spring": "Spring Boot: spring.datasource.hikari in application.yml.",
    "go-sql": "Go: database/sql with pgx's driver.",
    "pgx": "Go: pgxpool of pgx 5.",
    "node-pg": "Node.js: Pool of pg.",
    "prisma": "Prisma 7: the adapter of PrismaClient; 6 in a note.",
    "rails": "Rails 8.1 and later: config/database.yml; before in a note.",
    "npgsql": "Npgsql (.NET): the connection string in appsettings.json.",
    "pymongo": "MongoDB, PyMongo: MongoClient.",
    "mongodb-uri": "MongoDB, every driver: the options of the URI.",
    "redis-py": "Redis, redis-py: BlockingConnectionPool.",
    "lettuce": "Redis, Lettuce under Spring Boot: application.yml.",
}
"""Name of the subcommand: one line of help. Its file is ``dbtune/apps/<name>.py``."""

_EPILOG = "Example: dbtune gen-config {} --instances 5 --workers 4 --threads 8{}"
_RequestTimeout = Annotated[
    float, duration_option(positive=True, help="The application's time limit for a request.")
]


class ConfigGroup(TyperGroup):
    """The subcommands of gen-config; those of frameworks are made when they are asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in (known := self.list_commands(ctx)):
            close = get_close_matches(args[0], known, n=1)
            hint = f"did you mean {close[0]}?" if close else "dbtune gen-config --help lists them"
            raise UsageError(f"gen-config makes no {plain(args[0])!r}; {hint}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *SERVERS, *FRAMEWORKS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in SERVERS:
            from importlib import import_module

            module = import_module(f"dbtune.cli.{MODULES.get(cmd_name, 'gen_config_server')}")
            found = get_command(getattr(module, cmd_name))
        elif cmd_name in FRAMEWORKS:
            found = get_command(_application(cmd_name))
        else:
            return super().get_command(ctx, cmd_name)
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        servers = [
            (name, self.commands[name].get_short_help_str(80))
            for name in super().list_commands(ctx)
        ]
        with formatter.section("Servers"):
            formatter.write_dl([*servers, *SERVERS.items()])
        with formatter.section("Pools of applications"):
            formatter.write_dl(list(FRAMEWORKS.items()))


def _application(name: str) -> typer.Typer:
    from dbtune.apps.generate import BESIDE

    app = new_app()
    if name in BESIDE:
        _beside(app, name)
    else:
        _postgres(app, name)
    return app


def _postgres(app: typer.Typer, name: str) -> None:
    def framework(
        run: Run,
        given: PoolInputs,
        pgbouncer_version: Annotated[
            Any,
            typer.Option(
                parser=text_parser(parse_version),
                metavar="VERSION",
                help="PgBouncer's version, as 1.25; from 1.21 on statements may stay prepared.",
                show_default="before 1.21",
                rich_help_panel="Pooler",
            ),
        ] = None,
        request_timeout: _RequestTimeout = typed("30s"),
        interval: Annotated[
            float,
            duration_option(help="With a TARGET: observe its load for so long; 0 not at all."),
        ] = typed("10s"),
    ) -> Report:
        from dataclasses import replace

        from dbtune.apps.generate import generate
        from dbtune.pooling.model import derive

        prepares = pgbouncer_version is not None and pgbouncer_version >= HAS_PREPARED_STATEMENTS
        if not run.target_given:
            return generate(name, derive(given), prepares=prepares, request_seconds=request_timeout)

        from dbtune.postgres.pool_size import plan_for
        from dbtune.postgres.server import read_server, target

        with run.postgres() as session:
            server = read_server(session)
            plan, _ = plan_for(session, given, interval, run.wait)
            report = generate(name, plan, prepares=prepares, request_seconds=request_timeout)
            return replace(report, target=target(session, server), collected_at=server.now)

    framework.__doc__ = f"""{FRAMEWORKS[name]}

    The file goes to stdout or --output, what is to be said about it to stderr. Sizes come from the
    same options as in dbtune pool-size, and with a TARGET from its limits and its load.
    """
    example = _EPILOG.format(name, "")
    command(app, target="optional", epilog=example)(pool_options()(framework))


def _beside(app: typer.Typer, name: str) -> None:
    def framework(
        run: Run,
        given: PoolInputs,
        request_timeout: _RequestTimeout = typed("30s"),
    ) -> Report:
        from dbtune.apps.generate import generate_beside

        return generate_beside(name, given, request_seconds=request_timeout)

    framework.__doc__ = f"""{FRAMEWORKS[name]}

    The file goes to stdout or --output, what is to be said about it to stderr. --max-connections
    is what the server accepts: net.maxIncomingConnections of MongoDB, maxclients of Redis.
    """
    options = pool_options(pooler=False, without=_POSTGRES_ONLY)
    command(app, target="none", epilog=_EPILOG.format(name, " --max-connections 10000"))(
        options(framework)
    )


_POSTGRES_ONLY = (
    *("superuser_reserved", "reserved_connections", "other_connections", "cpus", "wait_share"),
    *("target_wait_ms", "poolers", "databases", "users"),
)
