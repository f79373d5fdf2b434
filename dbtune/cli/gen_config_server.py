"""``dbtune gen-config redis``, ``mongod`` and ``alerts``: settings and rules, with reasons."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dbtune.alerts import Exporter
from dbtune.cli.command import (
    Run,
    command,
    duration_option,
    new_app,
    size_option,
    text_parser,
    typed,
)
from dbtune.cli.pool_options import pool_options
from dbtune.mongo import configuration as mongo_settings
from dbtune.pooling.inputs import PoolInputs
from dbtune.redis import configuration as redis_settings
from dbtune.redis.configuration import Role
from dbtune.report import Report

redis = new_app()
mongod = new_app()
alerts = new_app()

_Ram = Annotated[
    int | None,
    size_option(
        help="RAM of the server's machine, as far as it may use it.",
        show_default="the target's, this machine's",
    ),
]
_Clients = Annotated[
    int | None,
    typer.Option(min=1, max=1_000_000, help="Clients at once.", show_default="not limited"),
]


@command(
    redis,
    name="redis",
    target="optional",
    epilog="Example: dbtune gen-config redis --role cache --ram 4GB --clients 500 -o dbtune.conf",
)
def redis_conf(
    run: Run,
    role: Annotated[Role, typer.Option(help="What the server is for.")] = Role.cache,
    ram: _Ram = None,
    cpus: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=4096, help="CPUs of the server's machine.", show_default="not known"
        ),
    ] = None,
    redis_version: Annotated[
        Any,
        typer.Option(
            parser=text_parser(redis_settings.parse_version),
            metavar="VERSION",
            help="Version of Redis, as 7.2.",
            show_default="the target's, 7.0",
        ),
    ] = None,
    clients: _Clients = None,
) -> Report:
    """Generate redis.conf for a cache, sessions, a store or a queue.

    With a TARGET: only what should change there. The file goes to stdout or --output, what is to
    be said about it to stderr.
    """
    options = redis_settings.Options(ram, role, cpus, redis_version, clients)
    if not run.target_given:
        return redis_settings.from_options(options)
    with run.redis() as session:
        return redis_settings.from_session(session, options)


@command(
    mongod,
    name="mongod",
    target="optional",
    epilog="Example: dbtune gen-config mongod --ram 16GB --clients 800 --oplog-per-hour 500MB",
)
def mongod_conf(
    run: Run,
    ram: _Ram = None,
    mongodb_version: Annotated[
        Any,
        typer.Option(
            parser=text_parser(mongo_settings.parse_version),
            metavar="VERSION",
            help="Version of MongoDB, as 7.0.",
            show_default="the target's, 7.0",
        ),
    ] = None,
    members: Annotated[
        int, typer.Option(min=1, max=50, help="How many mongod share the machine.")
    ] = 1,
    clients: _Clients = None,
    oplog_per_hour: Annotated[
        int | None,
        size_option(help="What the oplog grows by in an hour.", show_default="not known"),
    ] = None,
) -> Report:
    """Generate the settings of mongod.conf that depend on machine and load.

    With a TARGET: only what should change there. The file goes to stdout or --output, what is to
    be said about it to stderr.
    """
    options = mongo_settings.Options(ram, mongodb_version, members, clients, oplog_per_hour)
    if not run.target_given:
        return mongo_settings.from_options(options)
    with run.mongo() as session:
        return mongo_settings.from_session(session, options)


@command(
    alerts,
    name="alerts",
    target="none",
    epilog="Example: dbtune gen-config alerts --engine postgresql --engine pgbouncer --cpus 8"
    " --max-connections 200 --rps 300 --hold-time 20ms --instances 4 --threads 8",
)
@pool_options()
def alert_rules(
    run: Run,
    given: PoolInputs,
    exporters: Annotated[
        list[Exporter] | None,
        typer.Option(
            "--engine", help="What is watched. Repeat it for several.", show_default="all"
        ),
    ] = None,
    request_timeout: Annotated[
        float, duration_option(positive=True, help="The application's time limit for a request.")
    ] = typed("30s"),
    max_lag: Annotated[
        float, duration_option(positive=True, help="How old the answers of a replica may be.")
    ] = typed("30s"),
) -> Report:
    """Generate rules for Prometheus with thresholds from the planned sizes.

    Sizes come from the same options as in dbtune pool-size; without them thresholds are shares of
    what the servers themselves tell.
    """
    from dbtune.alerts import generate
    from dbtune.alerts.model import Limits
    from dbtune.pooling.model import derive

    limits = Limits(derive(given), request_timeout, max_lag)
    return generate(exporters or list(Exporter), limits)
