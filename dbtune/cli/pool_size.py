"""``dbtune pool-size``."""

from __future__ import annotations

from typing import Annotated

from dbtune.cli.command import Run, command, duration_option, new_app
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
    ] = "10s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
) -> Report:
    """Derive connection pool sizes, step by step, and what to expect of them.

    From options alone, or with a TARGET: its limits are read and its load is observed (PostgreSQL
    14 and later), CPUs and instances come from its profile, and an option overrides what was read.

    MongoDB: the pool of a client (maxPoolSize and others); --max-connections is what the server
    accepts, --poolers the number of mongos.
    """
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
    with run.postgres(profile) as session:
        from dbtune.postgres.pool_size import pool_size as of_postgres

        return of_postgres(session, given, interval, run.wait)
