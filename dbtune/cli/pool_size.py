"""``dbtune pool-size``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from dbtune.cli import complete
from dbtune.cli.command import Run, command, duration_option, new_app, typed
from dbtune.cli.pool_options import pool_options
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.pooling.report import report
from dbtune.profile import Engine
from dbtune.report import Report, Table

app = new_app()


def __getattr__(name: str) -> tuple[Table, ...]:
    """``TABLES``: only ``dbtune schema`` needs all of them."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.mongo.pool_size import TABLES as OF_MONGO
    from dbtune.pooling.report import TABLES

    return (*TABLES, *OF_MONGO)


@command(
    app,
    target="optional",
    saved=True,
    epilog="Example: dbtune pool-size --rps 1000 --hold-time 20ms --cpus 8 --wait-share 70% "
    "--max-connections 100 --instances 5 --workers 4",
)
@pool_options()
def pool_size(
    run: Run,
    given: PoolInputs,
    interval: Annotated[
        float,
        duration_option(help="With a TARGET: observe its load for so long; 0 not at all."),
    ] = typed("10s"),
    pgbouncer: Annotated[
        str,
        typer.Option(
            metavar="CONSOLE",
            autocompletion=complete.profiles,
            help="Profile or URL of the admin console of the PgBouncer before the TARGET.",
            show_default="the profile's pgbouncer",
        ),
    ] = "",
) -> Report:
    """Derive connection pool sizes, step by step, and what to expect of them.

    From options alone, or with a TARGET: its limits are read and its load is observed, CPUs and
    instances come from its profile, and an option overrides what was read. The TARGET may be
    PgBouncer's admin console itself: the database pgbouncer.

    MongoDB: the pool of a client (maxPoolSize and others); --max-connections is what the server
    accepts, --poolers the number of mongos.
    """
    snapshot = run.snapshot()
    if snapshot is not None:
        if snapshot.engine == "pgbouncer":
            from dbtune.pgbouncer.pool_size import pool_size_from
        else:
            from dbtune.postgres.pool_size import pool_size_from

        return pool_size_from(snapshot, given, run.profile() if run.target_given else None)
    if not run.target_given:
        if not given.origins:
            raise UsageError(
                "nothing to derive sizes from: give --rps, --hold-time and --cpus, or"
                " --max-connections and --instances, or a TARGET to read from"
            )
        return report(derive(given))
    profile = run.profile()
    if profile.engine is Engine.mongodb:
        with run.mongo(profile) as mongo:
            from dbtune.mongo.pool_size import pool_size as of_mongo

            return of_mongo(mongo, given, interval, run.wait)
    if profile.engine is Engine.redis:
        raise UsageError(
            f"{profile.name} is {profile.engine.product}; "
            "pool-size is for PostgreSQL, PgBouncer and MongoDB"
        )
    console = pgbouncer or profile.pgbouncer
    with run.pooled(profile) as session, run.console(console) if console else nullcontext() as pool:
        from dbtune.pgbouncer.pool_size import pool_size as of_pgbouncer
        from dbtune.pgbouncer.session import Session as Console
        from dbtune.postgres.pool_size import pool_size as of_postgres

        if not isinstance(session, Console):
            return of_postgres(session, given, interval, run.wait, pool)
        if pool is not None:
            raise UsageError("the TARGET is PgBouncer's console itself: no --pgbouncer beside it")
        return of_pgbouncer(session, given, interval, run.wait)
