"""``dbtune bloat``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.bloat import Effort, Selection
from dbtune.cli.command import LIMIT, Run, command, duration_option, new_app, size_option, typed
from dbtune.errors import Unavailable, UsageError
from dbtune.mongo.storage.table import TABLES as MONGODB_TABLES
from dbtune.postgres.bloat.table import TABLES as POSTGRESQL_TABLES
from dbtune.profile import Engine
from dbtune.redis.memory.table import TABLES as REDIS_TABLES
from dbtune.redis.records import records_by_node
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.facts import Snapshot

TABLES = (*POSTGRESQL_TABLES, *MONGODB_TABLES, *REDIS_TABLES, *records_by_node(REDIS_TABLES))

app = new_app()


@command(
    app, saved=True, epilog="Example: dbtune bloat prod --schema public --min-size 100MB --limit 10"
)
def bloat(
    run: Run,
    limit: LIMIT = 20,
    min_size: Annotated[int, size_option(help="Only relations at least so large.")] = typed("1MB"),
    schema: Annotated[
        list[str] | None,
        typer.Option(help="Only tables in this schema. Repeat it for several."),
    ] = None,
    statistics_only: Annotated[
        bool, typer.Option("--statistics-only", help="Read no pages of relations.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read relations whole, as far as --deadline allows.")
    ] = False,
    deadline: Annotated[
        float,
        duration_option(
            help="Stop reading pages after so long; statistics have to do for what is left.",
            show_default="10s, with --exact 10min",
        ),
    ] = typed("0s"),
) -> Report:
    """Say how much space is wasted where, why, and the safest way to get it back.

    PostgreSQL: tables, TOAST and indexes of one database. MongoDB: collections and indexes;
    --schema is a database there. Redis: memory by key pattern, large keys, keys without TTL.
    --format sql gives the ways back as a script for psql, the safest first.
    """
    if exact and statistics_only:
        raise UsageError("give --exact or --statistics-only, not both")
    effort = Effort.exact if exact else Effort.sample
    selection = Selection(
        limit=limit,
        min_bytes=min_size,
        schemas=tuple(schema or ()),
        effort=Effort.statistics if statistics_only else effort,
        budget_seconds=deadline or (600.0 if exact else 10.0),
        script=run.format == "sql",
    )
    if (snapshot := run.snapshot()) is not None:
        return _of_snapshot(snapshot, selection, run.thresholds)
    profile = run.profile()
    if profile.engine is Engine.mongodb:
        from dbtune.mongo.storage import bloat as of_mongo

        with run.mongo(profile) as mongo:
            return of_mongo(mongo, selection)
    if profile.engine is Engine.redis:
        if schema:
            raise UsageError(f"--schema is for PostgreSQL and MongoDB; {profile.name} is Redis")
        from dbtune.redis.memory import bloat as of_redis
        from dbtune.redis.nodes import over_nodes

        order = dict.fromkeys(("patterns", "types", "largest"), "size_bytes")
        with run.redis(profile) as redis:
            return over_nodes(
                redis, lambda node: of_redis(node, selection), keys=True, order=order, limit=limit
            )
    from dbtune.postgres.bloat import bloat as of_postgres

    with run.postgres(profile) as postgres:
        return of_postgres(postgres, selection, run.progress)


def _of_snapshot(
    snapshot: Snapshot, selection: Selection, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    from dbtune.postgres.bloat import from_snapshot

    try:
        return from_snapshot(snapshot.require("postgresql"), selection, thresholds)
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name} has no sizes: {missing.reason}") from None
