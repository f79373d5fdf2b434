"""``dbtune slow-queries``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbtune.cli.command import LIMIT, Run, command, duration_option, new_app, text_parser, typed
from dbtune.cli.log_options import AUTO, LinePrefix
from dbtune.cli.log_options import PANEL as _LOGS
from dbtune.cli.slow_queries_log import EVERY_SECONDS, Given, of_logs, refuse_without_log
from dbtune.errors import UsageError
from dbtune.postgres.logs.formats import LogFormat
from dbtune.profile import Engine
from dbtune.report import Report, Table
from dbtune.statements import STATEMENTS, SUMMARY_RECORD, Order, Selection, check_grep

app = new_app()


def __getattr__(name: str) -> tuple[Table, ...]:
    """``TABLES``, of which logs have many: only ``dbtune schema`` needs them."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.logs.compare import TABLES as COMPARED
    from dbtune.mongo.logs.report import TABLES as OF_MONGO
    from dbtune.postgres.logs.tables import TABLES
    from dbtune.redis.records import records_by_node

    more = [one for one in OF_MONGO if one not in TABLES]
    more += records_by_node([SUMMARY_RECORD])
    return (STATEMENTS, SUMMARY_RECORD, *TABLES, *more, *COMPARED)


def _time(text: str) -> str:
    from dbtune.logs.period import check_time

    return check_time(text)


@command(
    app,
    saved=True,
    epilog="Examples: dbtune slow-queries prod --by mean --min-calls 100 --interval 60s; "
    "dbtune slow-queries --log '/var/log/postgresql/*.log*' --since '2026-11-28 08:00'",
)
def slow_queries(
    run: Run,
    more_logs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LOG]...", help="More logs, after --log.", show_default=False),
    ] = None,
    by: Annotated[Order, typer.Option(help="Rank by this, largest first.")] = Order.total,
    limit: LIMIT = 20,
    interval: Annotated[
        float,
        duration_option(help="Observe for so long and take only that; 0 takes the totals."),
    ] = typed("0s"),
    min_calls: Annotated[int, typer.Option(min=0, help="Only statements called so often.")] = 0,
    database: Annotated[
        str, typer.Option(help="Only statements in this database.", show_default=False)
    ] = "",
    user: Annotated[
        str, typer.Option(help="Only statements of this role.", show_default=False)
    ] = "",
    grep: Annotated[
        str,
        typer.Option(
            parser=text_parser(check_grep),
            metavar="REGEX",
            help="Only statements that match.",
            show_default=False,
        ),
    ] = "",
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Server logs in place of a TARGET: a file, pattern or folder; - is standard "
            "input. Repeat it for several.",
            rich_help_panel=_LOGS,
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Format of the logs.", rich_help_panel=_LOGS)
    ] = LogFormat.auto,
    log_line_prefix: LinePrefix = AUTO,
    since: Annotated[
        str,
        typer.Option(
            parser=text_parser(_time),
            metavar="TIME",
            help="Only what was logged from then on: '2026-11-28 08:00', or 2h for two hours ago.",
            rich_help_panel=_LOGS,
            show_default=False,
        ),
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            parser=text_parser(_time),
            metavar="TIME",
            help="Only what was logged before.",
            rich_help_panel=_LOGS,
            show_default=False,
        ),
    ] = "",
    show_parameters: Annotated[
        bool,
        typer.Option(
            "--show-parameters",
            help="Show constants and parameters of the slowest executions.",
            rich_help_panel=_LOGS,
        ),
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            help="So many processes at once; 0 is one a core.",
            rich_help_panel=_LOGS,
        ),
    ] = 0,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read only what is new since the last time, and add it to what is remembered "
            "there; for cron. Let the pattern include rotated files.",
            rich_help_panel=_LOGS,
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Watch the logs, and print what is new again and again; --since: from then on.",
            rich_help_panel=_LOGS,
        ),
    ] = False,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|TIME..TIME",
            help="Compare with other logs, or with another time of the same logs. Repeat it for "
            "several.",
            rich_help_panel=_LOGS,
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        float,
        duration_option(
            help="With --follow: time from one print to the next.", rich_help_panel=_LOGS
        ),
    ] = typed(f"{EVERY_SECONDS:g}s"),
) -> Report:
    """Rank statements by what they cost, and say what is wrong with them.

    PostgreSQL: pg_stat_statements, or samples of pg_stat_activity where that is missing; or, with
    --log, server logs in any format. MongoDB: the profiler's collection; with --log, logs since
    4.4. Redis: SLOWLOG.
    """
    selection = Selection(by, limit, min_calls, database, user, grep, interval)
    # The last of the files stands where a TARGET may stand.
    names = (*log, *(more_logs or ()), *filter(None, [run.target])) if log else ()
    given = Given(
        names,
        log_format,
        log_line_prefix,
        since,
        until,
        show_parameters,
        jobs,
        state,
        follow,
        every,
        tuple(baseline or ()),
    )
    if names:
        run.target = None
        return of_logs(run, given, selection)
    refuse_without_log(given)
    if more_logs:
        raise UsageError(f"one TARGET, not {len(more_logs) + 1}; logs are named by --log FILE...")
    if (snapshot := run.snapshot()) is not None:
        if snapshot.engine == Engine.mongodb:
            from dbtune.mongo.statements import from_snapshot as of_mongo_snapshot

            return of_mongo_snapshot(snapshot, selection, run.thresholds)
        from dbtune.postgres.statements.saved import slow_queries as of_snapshot

        return of_snapshot(snapshot, selection, run.thresholds)
    profile = run.profile()
    if profile.engine is Engine.mongodb:
        from dbtune.mongo.statements import slow_queries as of_mongo

        with run.mongo(profile) as mongo:
            return of_mongo(mongo, selection, run.wait)
    if profile.engine is Engine.redis:
        from dbtune.redis.nodes import over_nodes
        from dbtune.redis.statements import ORDERED_BY
        from dbtune.redis.statements import slow_queries as of_redis

        order = {"statements": ORDERED_BY.get(by, "total_ms")}
        with run.redis(profile) as redis:
            return over_nodes(
                redis,
                lambda node: of_redis(node, selection, run.beside(node.node)),
                order=order,
                limit=limit,
            )
    from dbtune.postgres.statements import slow_queries as of_postgres

    with run.postgres(profile) as postgres:
        return of_postgres(postgres, selection, run.wait)
