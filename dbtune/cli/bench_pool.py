"""``dbtune bench pool``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dbtune.bench.pool_report import TABLES as TABLES
from dbtune.cli.bench_options import BUSY, ROUNDS, YES, parse_numbers, surroundings
from dbtune.cli.command import (
    Run,
    command,
    duration_option,
    interrupted_by_signals,
    new_app,
    seconds_option,
    text_parser,
    typed,
)
from dbtune.cli.statement_file import read_file
from dbtune.errors import UsageError
from dbtune.postgres.bench.workloads import BUILTIN, Loadable, Script, Workload
from dbtune.report import Report
from dbtune.text import plain

app = new_app()
_MOST_CLIENTS = 1000


@command(
    app,
    name="pool",
    epilog="Examples: dbtune bench pool demo --file queries.sql; "
    "dbtune bench pool staging --workload tpcb --allow-write",
)
def pool(
    run: Run,
    workload: Annotated[
        Workload,
        typer.Option(
            help="What the clients do: the reading statements of pg_stat_statements, or on tables "
            "in a scratch schema: sums in memory, TPC-B, transactions that wait, one hot row."
        ),
    ] = Workload.statements,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A pgbench script as the workload, in read-only transactions; - is standard "
            "input.",
            show_default=False,
        ),
    ] = None,
    allow_write: Annotated[
        bool,
        typer.Option(
            "--allow-write",
            help="WRITES to the target: make a scratch schema for the workload, and drop it.",
        ),
    ] = False,
    clients: Annotated[int, typer.Option(min=1, max=_MOST_CLIENTS, help="Clients at once.")] = 64,
    sizes: Annotated[
        Any,
        typer.Option(
            parser=text_parser(lambda text: parse_numbers(text, "--sizes", _MOST_CLIENTS)),
            metavar="N,N,...",
            help="Pool sizes to try.",
            show_default="around the prediction, and those of simple formulas",
        ),
    ] = None,
    duration: Annotated[
        int, seconds_option(least=1, most=600, help="Of each measurement.")
    ] = typed("3s"),
    warm_up: Annotated[
        int, seconds_option(least=0, most=600, help="Before each measurement.")
    ] = typed("1s"),
    rounds: ROUNDS = 5,
    scale: Annotated[
        int, typer.Option(min=1, max=10_000, help="Of the scratch tables: 15 MB each.")
    ] = 10,
    interval: Annotated[
        float,
        duration_option(help="Observe the load for so long, for the prediction; 0 makes none."),
    ] = typed("5s"),
    yes: YES = False,
    allow_busy: BUSY = False,
) -> Report:
    """Measure throughput and times by pool size, through a real PgBouncer, under a real load.

    LOADS the target: it is for staging servers and the demo. PgBouncer is started here, in a
    private temporary folder, and pgbench makes the load; transactions are read-only unless
    --allow-write. Sizes are measured in interleaved rounds, next to what pool-size predicts from
    observing the load, and to what simple formulas say.
    """
    from dbtune.postgres.bench.pool import Request, bench_pool

    tables = workload is not Workload.statements
    if tables and file is not None:
        raise UsageError("give --file or --workload, not both")
    if tables and not allow_write:
        raise UsageError(f"--workload {workload} needs tables of its own: give --allow-write")
    profile = run.profile()
    with interrupted_by_signals(), run.postgres(profile) as session:
        script = "" if file is None else read_file(file)

        def load() -> Loadable:
            if file is not None:
                return Loadable(f"the script {plain(file.name)}", (Script(script),))
            if tables:
                return BUILTIN[workload]
            from dbtune.postgres.bench.statements import reading_statements

            return reading_statements(session, run.wait)

        request = Request(
            load, tables, scale, clients, duration, warm_up, rounds, interval, sizes or ()
        )
        return bench_pool(session, request, surroundings(run, profile, yes, allow_busy))
