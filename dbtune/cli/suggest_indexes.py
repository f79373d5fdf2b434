"""``dbtune suggest-indexes``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtune.cli.command import Run, command, duration_option, new_app, text_parser, typed
from dbtune.cli.statement_file import read_file
from dbtune.errors import UsageError
from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.text import parse_bytes, plain

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.indexes.suggest import Request
    from dbtune.postgres.relations.facts import Relations

app = new_app()


def __getattr__(name: str) -> object:
    """``TABLES``: only ``dbtune schema`` needs those of both engines."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.mongo.indexes.table import TABLES as OF_MONGODB
    from dbtune.postgres.indexes.carry_out import TABLES as CARRIED_OUT
    from dbtune.postgres.indexes.report import TABLES as OF_POSTGRESQL

    return (*OF_POSTGRESQL, *CARRIED_OUT, *OF_MONGODB)


_MONGO = "On MongoDB"


def _mongo(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=_MONGO, show_default=False, **more)


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """``2GB`` or ``20%`` of the tables' size: bytes, or a ratio.

    Raises:
        UsageError: it is neither.
    """
    if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text):
        return None, float(found[1]) / 100
    try:
        if text.strip().isdecimal() and int(text):
            raise UsageError("the unit is missing")
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
    saved=True,
    epilog="Example: dbtune suggest-indexes prod --budget 20% --format sql -o indexes.sql",
)
def suggest_indexes(
    run: Run,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with SQL statements to serve; - is standard input."
        ),
    ] = None,
    sql: Annotated[
        str,
        typer.Option(
            "--sql",
            help="A statement to serve; existing indexes are not examined then.",
            show_default=False,
        ),
    ] = "",
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Server logs as the workload: a file, pattern or folder; - is standard input. "
            "Repeat it for several. MongoDB: in place of the profiler.",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[
        float,
        duration_option(help="Observe for so long and take only that; 0 takes the totals."),
    ] = typed("0s"),
    statements: Annotated[
        int, typer.Option(min=1, max=20_000, help="Most statements, by time.")
    ] = 1000,
    planner: Annotated[
        PlannerChoice,
        typer.Option(
            help="What judges indexes: HypoPG on the target, or a private server with its schema "
            "and statistics."
        ),
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
    ] = typed("0.1%"),
    max_indexes: Annotated[int, typer.Option(min=1, help="Most new indexes.")] = 100,
    max_per_table: Annotated[int, typer.Option(min=1, help="Most new indexes of a table.")] = 20,
    any_index: Annotated[
        bool,
        typer.Option(
            "--any-index",
            help="Also what gains little, or by the planner's reckoning only: the beginning of an "
            "existing index, a narrow copy of a table.",
        ),
    ] = False,
    deadline: Annotated[
        float, duration_option(help="Stop searching after so long, with the best so far.")
    ] = typed("60s"),
    statistics_only: Annotated[
        bool,
        typer.Option(
            "--statistics-only",
            help="Read no rows of tables: sizes of indexes are from statistics alone.",
        ),
    ] = False,
    search_path: Annotated[
        str,
        typer.Option(
            metavar="SCHEMAS",
            help="Where a statement's names are looked up.",
            show_default="the role's",
        ),
    ] = "",
    min_observed: Annotated[
        float,
        duration_option(help="Call an index unused only if scans are counted for so long."),
    ] = typed("14d"),
    replica: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help="A standby, whose scans of indexes count as well. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[str, _mongo("Only operations in this database.")] = "",
    collection: Annotated[str, _mongo("One operation: what it reads.", metavar="DB.COLL")] = "",
    filter: Annotated[
        str, _mongo("Conditions of a find, as in mongosh: \"{status: 'new'}\".", metavar="DOCUMENT")
    ] = "",
    sort: Annotated[str, _mongo("The find's sort key.", metavar="DOCUMENT")] = "",
    projection: Annotated[str, _mongo("The find's projection.", metavar="DOCUMENT")] = "",
    find_limit: Annotated[int, _mongo("The find's limit.", min=0)] = 0,
    pipeline: Annotated[
        str, _mongo("An aggregation's stages, in place of a find.", metavar="LIST")
    ] = "",
    apply: Annotated[
        bool,
        typer.Option(
            "--apply", help="CHANGES the target: build the suggested indexes concurrently."
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="CHANGES the target: build them, execute the statements that only read before "
            "and after, drop what does not help. MongoDB: on a copy of a sample, in a scratch "
            "database.",
        ),
    ] = False,
    lock_wait: Annotated[
        float,
        duration_option(help="How long a build may wait for other transactions."),
    ] = typed("60s"),
) -> Report:
    """Suggest the indexes that serve a workload best, within a budget.

    The workload is pg_stat_statements', or given by --file, --log or --sql. Nothing is executed or
    created without --apply or --verify: the planner is asked what each statement would cost, and
    some hundred blocks of tables are read for the sizes of indexes. --format sql gives a script.

    Existing indexes that are unused, duplicate, redundant or invalid are named, and foreign keys
    without an index.

    MongoDB: the workload is the profiler's, a log's or one query; each candidate's work is
    counted on a sample of the documents, and existing indexes are judged, too.
    """
    from dbtune.postgres.indexes.advice import Options
    from dbtune.postgres.indexes.suggest import Request
    from dbtune.postgres.indexes.suggest import suggest_indexes as of_postgres

    sources = {"--file": file is not None, "--sql": bool(sql), "--log": bool(log)}
    sources["--interval"] = interval > 0
    if len(both := [name for name, given in sources.items() if given]) > 1:
        raise UsageError(f"give {both[0]} or {both[1]}, not both: there is one workload")
    script, source = (sql, "--sql") if sql else _read(file)
    size, ratio = budget or (None, None)
    options = Options(
        budget_bytes=size,
        budget_ratio=ratio,
        least_gain=min_gain,
        most_indexes=max_indexes,
        most_per_table=max_per_table,
        seconds=deadline,
        search_path=search_path,
    )
    if any_index:
        options = replace(options, least_improvement=0.0, slack=0.0, prefixes=True, copies=True)
    request = Request(
        script,
        source,
        interval,
        statements,
        planner,
        options,
        not sql,
        min_observed,
        sample=not statistics_only,
    )
    if (saved := run.snapshot()) is not None:
        if apply or verify or replica:
            raise UsageError("--apply, --verify and --replica need a server, not --from")
        return _of_snapshot(run, saved, request, log)
    profile = run.profile()
    given = {"--collection": collection, "--filter": filter, "--sort": sort}
    given |= {"--projection": projection, "--pipeline": pipeline, "--database": database}
    if profile.engine is Engine.mongodb:
        if file is not None or sql:
            raise UsageError("--file and --sql are for PostgreSQL; MongoDB has --filter and --log")
        if apply:
            raise UsageError("--apply is for PostgreSQL; on MongoDB run the statements yourself")
        if statistics_only:
            raise UsageError("--statistics-only is for PostgreSQL; MongoDB needs its samples")
        from dbtune.cli.suggest_indexes_mongo import of_mongo

        return of_mongo(run, profile, given, find_limit, tuple(log or ()), verify=verify)
    if profile.engine is not Engine.postgresql:
        told = f"{profile.name} is {profile.engine.product}"
        raise UsageError(f"{told}; this needs PostgreSQL or MongoDB")
    only_mongo = [name for name, value in given.items() if value]
    only_mongo += ["--find-limit"] * bool(find_limit)
    if only_mongo:
        raise UsageError(f"{only_mongo[0]} is for MongoDB; {profile.name} is PostgreSQL")
    request = _with_logs(run, request, log)
    changes = None
    if apply or verify:
        from dbtune.postgres.indexes.carry_out import Changes

        flag = "--verify" if verify else "--apply"
        changes = Changes(flag, verify, lambda: run.writer(profile, lock_wait), run.say)
    with run.postgres(profile) as session:
        replicas = [_replica(run, name, session.database) for name in replica or ()]
        return of_postgres(session, request, run.wait, run.progress, replicas, changes)


def _with_logs(run: Run, request: Request, logs: list[str] | None) -> Request:
    if not logs:
        return request
    from dbtune.postgres.logs.workload import workload

    logged = workload(logs, progress=run.reading)
    return replace(request, logged=logged, source=", ".join(map(plain, logs)))


def _of_snapshot(run: Run, saved: Snapshot, request: Request, logs: list[str] | None) -> Report:
    from dbtune.postgres.indexes.suggest import from_snapshot

    request = _with_logs(run, request, logs)
    found = from_snapshot(saved.require("postgresql"), request, run.progress, run.thresholds)
    return saved.described(found)


def _replica(run: Run, target: str, database: str) -> Relations:
    """Indexes of a standby with their scans."""
    from dbtune.postgres.relations.collect import read_relations

    there = replace(run, target=target, url=None, profile_name=None)
    with there.postgres() as session:
        if session.database != database:
            raise UsageError(
                f"--replica {session.profile.name} is the database {plain(session.database)}, not "
                f"{plain(database)}"
            )
        return read_relations(session, statistics=False)


def _read(file: Path | None) -> tuple[str, str]:
    if file is None:
        return "", "pg_stat_statements"
    return read_file(file), "standard input" if str(file) == "-" else file.name
