"""``dbtune suggest-indexes``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dbtune.cli.command import Run, command, duration_option, new_app, text_parser
from dbtune.errors import UsageError
from dbtune.postgres.indexes.report import TABLES as TABLES
from dbtune.postgres.indexes.suggest import PlannerChoice
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.text import parse_bytes, plain

app = new_app()


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """``2GB`` or ``20%`` of the tables' size: bytes, or a ratio.

    Raises:
        UsageError: it is neither.
    """
    if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text):
        return None, float(found[1]) / 100
    try:
        return parse_bytes(text), None
    except UsageError:
        raise UsageError(
            f"{plain(text)!r} is neither a size nor a share of the tables; write 2GB or 20%"
        ) from None


def parse_ratio(text: str) -> float:
    """``0.5%`` or ``0.005``, from 0 to 1.

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{plain(text)!r} is not a share; write for example 0.5%")
    return value


@command(
    app,
    epilog="Example: dbtune suggest-indexes prod --budget 20% --format sql -o indexes.sql",
)
def suggest_indexes(
    run: Run,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SQL statements to serve; - reads standard input."),
    ] = None,
    sql: Annotated[str, typer.Option("--sql", help="One statement.", show_default=False)] = "",
    interval: Annotated[
        float,
        duration_option(help="Observe pg_stat_statements for so long; 0 takes its totals."),
    ] = "0s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
    statements: Annotated[
        int, typer.Option(min=1, max=20_000, help="Most statements, by time.")
    ] = 1000,
    planner: Annotated[
        PlannerChoice,
        typer.Option(help="HypoPG on the target, or a private server with its statistics."),
    ] = PlannerChoice.auto,
    budget: Annotated[
        Any,
        typer.Option(
            parser=text_parser(parse_budget),
            metavar="SIZE|PERCENT",
            help="Space for all new indexes: 2GB, or 20% of the tables.",
            show_default="no limit",
        ),
    ] = None,
    min_gain: Annotated[
        float,
        typer.Option(
            parser=text_parser(parse_ratio),
            metavar="PERCENT",
            help="What an index has to save at least, of the workload's cost.",
        ),
    ] = "0.1%",  # type: ignore[assignment]
    max_indexes: Annotated[int, typer.Option(min=1, help="Most new indexes.")] = 30,
    max_per_table: Annotated[int, typer.Option(min=1, help="Most new indexes of a table.")] = 5,
    deadline: Annotated[
        float, duration_option(help="Stop searching after so long, with the best so far.")
    ] = "60s",  # type: ignore[assignment]
    search_path: Annotated[
        str,
        typer.Option(
            metavar="SCHEMAS", help="Where statements' names are looked up.", show_default=False
        ),
    ] = "",
) -> Report:
    """Suggest the indexes that serve a workload best, within a budget.

    The workload is pg_stat_statements', or given by --file or --sql. Nothing is executed or
    created: the planner is asked what each statement would cost. --format sql gives a script.
    """
    from dbtune.postgres.indexes.advice import Options
    from dbtune.postgres.indexes.suggest import Request
    from dbtune.postgres.indexes.suggest import suggest_indexes as of_postgres

    if file is not None and sql:
        raise UsageError("--file and --sql exclude each other")
    script, source = (sql, "--sql") if sql else _read(file)
    size, ratio = budget or (None, None)
    options = Options(size, ratio, min_gain, max_indexes, max_per_table, deadline, search_path)
    request = Request(script, source, interval, statements, planner, options)
    profile = run.profile()
    if profile.engine is not Engine.postgresql:
        raise UsageError(f"{profile.name} is {profile.engine}; this is for PostgreSQL so far")
    with run.postgres(profile) as session:
        return of_postgres(session, request, run.wait, run.progress)


def _read(file: Path | None) -> tuple[str, str]:
    if file is None:
        return "", "pg_stat_statements"
    try:
        standard = str(file) == "-"
        text = sys.stdin.read() if standard else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(f"--file {plain(str(file))} can't be read: {reason}") from None
    if not text.strip():
        raise UsageError(f"--file {plain(str(file))} has no statement")
    return text, "standard input" if standard else file.name
