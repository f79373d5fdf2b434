"""``dbtune bench cache``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dbtune.bench.cache_report import TABLES as TABLES
from dbtune.cli.bench_options import BUSY, ROUNDS, YES, surroundings
from dbtune.cli.command import Run, command, interrupted_by_signals, new_app
from dbtune.cli.statement_file import read_file
from dbtune.errors import UsageError
from dbtune.profile import Engine, redact_url
from dbtune.report import Report
from dbtune.text import plain

app = new_app()


@command(
    app,
    name="cache",
    epilog="Example: dbtune bench cache staging --redis redis://localhost "
    "--sql 'SELECT count(*) FROM orders'",
)
def cache(
    run: Run,
    redis: Annotated[
        str, typer.Option("--redis", metavar="TARGET", help="Profile or URL of the Redis server.")
    ],
    sql: Annotated[
        str, typer.Option("--sql", help="A statement to execute.", show_default=False)
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with a statement to execute; - is standard input.",
            show_default=False,
        ),
    ] = None,
    calls: Annotated[
        int, typer.Option(min=5, max=100_000, help="Calls of each part in a round.")
    ] = 100,
    rounds: ROUNDS = 5,
    yes: YES = False,
    allow_busy: BUSY = False,
) -> Report:
    """Measure a query against a hit in Redis, and from which hit ratio on a cache pays.

    WRITES one key to Redis, dbtune:bench:..., which is removed at the end and expires after ten
    minutes. The query is executed many times, read-only.
    """
    from dbtune.postgres.bench.cache import Request, bench_cache
    from dbtune.redis.scratch_key import ScratchKey

    if bool(sql) == (file is not None):
        raise UsageError("give the query: --sql STATEMENT or --file FILE")
    statement = sql or read_file(file or Path("-"))
    there = replace(run, target=redis, url=None, profile_name=None).profile()
    if there.engine is not Engine.redis:
        raise UsageError(f"--redis {plain(there.name)} is {there.engine.product}; this needs Redis")
    profile = run.profile()
    request = Request(statement.strip().rstrip(";"), calls, rounds, redact_url(there.name))
    with (
        interrupted_by_signals(),
        run.postgres(profile) as session,
        ScratchKey(there, run.limits) as key,
    ):
        return bench_cache(session, key, request, surroundings(run, profile, yes, allow_busy))
