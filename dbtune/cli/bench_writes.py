"""``dbtune bench writes``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dbtune.bench.writes_report import TABLES as TABLES
from dbtune.cli.bench_options import BUSY, ROUNDS, YES, parse_numbers, surroundings
from dbtune.cli.command import (
    Run,
    command,
    duration_option,
    interrupted_by_signals,
    new_app,
    text_parser,
    typed,
)
from dbtune.report import Report

app = new_app()
_MOST_BATCH = 10_000


@command(app, name="writes", epilog="Example: dbtune bench writes staging --batches 100,1000")
def writes(
    run: Run,
    batches: Annotated[
        Any,
        typer.Option(
            parser=text_parser(lambda text: parse_numbers(text, "--batches", _MOST_BATCH)),
            metavar="N,N,...",
            help="Rows of a transaction.",
        ),
    ] = "10,100,1000",
    duration: Annotated[float, duration_option(help="Of each measurement.")] = typed("500ms"),
    rounds: ROUNDS = 5,
    yes: YES = False,
    allow_busy: BUSY = False,
) -> Report:
    """Measure ways of writing rows: one by one, batches, pipelines, COPY, commits not waited for.

    WRITES to the target, and LOADS it: to a table in a scratch schema, which is dropped at the end.
    It is logged as yours are: not UNLOGGED. synchronous_commit is set for the session only.
    """
    from dbtune.postgres.bench.writes import Request, bench_writes

    profile = run.profile()
    with interrupted_by_signals(), run.postgres(profile) as session:
        request = Request(batches, max(duration, 0.01), rounds)
        return bench_writes(session, request, surroundings(run, profile, yes, allow_busy))
