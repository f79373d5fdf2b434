"""``dbtune bench index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbtune.bench.index_report import TABLES as TABLES
from dbtune.cli.bench_options import BUSY, ROUNDS, YES, surroundings
from dbtune.cli.command import Run, command, interrupted_by_signals, new_app
from dbtune.cli.statement_file import read_file
from dbtune.errors import UsageError
from dbtune.report import Report

app = new_app()


@command(
    app,
    name="index",
    epilog="Example: dbtune bench index staging --index 'CREATE INDEX ON orders (customer_id)' "
    "--sql 'SELECT * FROM orders WHERE customer_id = 7' --allow-write",
)
def index(
    run: Run,
    ddl: Annotated[str, typer.Option("--index", metavar="DDL", help="A CREATE INDEX statement.")],
    sql: Annotated[
        str, typer.Option("--sql", help="A statement to execute.", show_default=False)
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with statements to execute; - is standard input.",
            show_default=False,
        ),
    ] = None,
    allow_write: Annotated[
        bool,
        typer.Option(
            "--allow-write",
            help="WRITES to the target: build the index, and tables in a scratch schema.",
        ),
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Do not drop the index again.")] = False,
    rounds: ROUNDS = 5,
    yes: YES = False,
    allow_busy: BUSY = False,
) -> Report:
    """Measure statements without and with a real index, and what the index costs.

    WRITES to the target: the index is built concurrently under a name of its own, the statements
    are executed (read-only) before, with it, and after it was dropped. What it costs writes is
    measured on copies of a part of the table.
    """
    from dbtune.postgres.bench.index import Request, bench_index, read_ddl, statements_of

    if bool(sql) == (file is not None):
        raise UsageError("give the statements to measure: --sql STATEMENT or --file FILE")
    if not allow_write:
        raise UsageError("bench index builds the index on the target: give --allow-write")
    script = sql or read_file(file or Path("-"))
    statements = statements_of(script, "--sql" if sql else "--file")
    request = Request(read_ddl(ddl), statements, rounds, keep)
    profile = run.profile()
    with interrupted_by_signals(), run.postgres(profile) as session:
        return bench_index(session, request, surroundings(run, profile, yes, allow_busy))
