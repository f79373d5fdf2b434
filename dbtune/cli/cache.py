"""``dbtune cache``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbtune.bloat import Effort, Selection
from dbtune.cli.command import LIMIT, Run, command, duration_option, new_app, typed
from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.postgres.caching.table import TABLES as POSTGRESQL_TABLES
from dbtune.profile import Engine
from dbtune.redis.cache.table import TABLES as REDIS_TABLES
from dbtune.redis.records import records_by_node
from dbtune.report import Report
from dbtune.text import plain

TABLES = (*REDIS_TABLES, *records_by_node(REDIS_TABLES), *POSTGRESQL_TABLES)

app = new_app()


@command(app, saved=True, epilog="Example: dbtune cache redis://localhost --interval 60s")
def cache(
    run: Run,
    limit: LIMIT = 20,
    interval: Annotated[
        float | None,
        duration_option(
            help="Observe counters for so long; 0 takes what they counted so far.",
            show_default="Redis 10s, PostgreSQL 0s",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="PostgreSQL: file with statements as the application writes them, for constants "
            "that pg_stat_statements does not keep; - is standard input.",
            show_default=False,
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Redis: look at all keys, as far as --deadline allows.")
    ] = False,
    deadline: Annotated[
        float,
        duration_option(
            help="Redis: stop looking at keys after so long.",
            show_default="10s, with --exact 10min",
        ),
    ] = typed("0s"),
) -> Report:
    """Judge a cache, and what more memory would buy; find what is worth caching.

    Redis: hit ratio, evictions and expiry while it is watched, key families, hot keys, TTL advice,
    and an estimate of the hit ratio with another maxmemory. Nothing is written, no value is read.

    PostgreSQL: statements whose answers are asked for often and change seldom, for a cache in front
    of the database or as materialised views; --format sql gives these as a script for psql.
    Statements are planned, never executed; of a snapshot (--from) in a private server.
    """
    written = _statements(file)
    snapshot = run.snapshot()
    if snapshot is not None:
        engine, name = Engine(snapshot.engine), snapshot.name
        if interval:
            raise UsageError("--interval needs a server: a snapshot holds one look")
        if exact or deadline:
            raise UsageError("--exact and --deadline need a server: a snapshot holds its sample")
    else:
        profile = run.profile()
        engine, name = profile.engine, profile.name
    if engine not in (Engine.redis, Engine.postgresql):
        raise UsageError(f"{name} is {Engine(engine).product}; this needs Redis or PostgreSQL")
    if file is not None and engine is not Engine.postgresql:
        raise UsageError(f"--file is for PostgreSQL; {name} is Redis")
    if (exact or deadline) and engine is not Engine.redis:
        raise UsageError(f"--exact and --deadline are for Redis; {name} is PostgreSQL")
    if engine is Engine.postgresql:
        from dbtune.postgres.caching import Wanted, from_snapshot
        from dbtune.postgres.caching import cache as of_postgres

        wanted = Wanted(limit, written, run.format == "sql")
        if snapshot is not None:
            return from_snapshot(snapshot, wanted, run.thresholds)
        with run.postgres(profile) as postgres:
            return of_postgres(postgres, wanted, interval or 0.0, run.wait)
    from dbtune.redis.cache import ORDER
    from dbtune.redis.cache import cache as of_redis
    from dbtune.redis.cache import from_snapshot as of_saved_redis
    from dbtune.redis.nodes import over_nodes

    if snapshot is not None:
        return of_saved_redis(snapshot, limit, run.thresholds)
    selection = Selection(
        limit=limit,
        effort=Effort.exact if exact else Effort.sample,
        budget_seconds=deadline or (600.0 if exact else 10.0),
    )
    seconds = 10.0 if interval is None else interval
    with run.redis(profile) as redis:
        try:
            return over_nodes(
                redis,
                lambda node: of_redis(node, selection, seconds, run.beside(node.node)),
                keys=True,
                order=ORDER,
                limit=limit,
            )
        except Unavailable as missing:
            raise TargetError(f"{missing.reason}\n{missing.remedy}".rstrip()) from None


def _statements(path: Path | None) -> list[str]:
    if path is None:
        return []
    from dbtune.cli.statement_file import read_file
    from dbtune.postgres.sqltext import split_statements

    found = split_statements(read_file(path))
    if not found:
        raise UsageError(f"--file {plain(str(path))} has no statement")
    return found
