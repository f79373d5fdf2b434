"""``dbtune slow-queries``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import Run, command, duration_option, new_app, text_parser
from dbtune.errors import Unavailable, UsageError
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.statements import STATEMENTS, SUMMARY_RECORD, Order, Selection, check_grep

if TYPE_CHECKING:
    from dbtune.facts import Snapshot

TABLES = (STATEMENTS, SUMMARY_RECORD)

app = new_app()


@command(
    app,
    saved=True,
    epilog="Example: dbtune slow-queries prod --by mean --min-calls 100 --interval 60s",
)
def slow_queries(
    run: Run,
    by: Annotated[Order, typer.Option(help="Rank by this, largest first.")] = Order.total,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Rows.")] = 20,
    interval: Annotated[
        float,
        duration_option(help="Observe for so long and report only that; 0 reports the totals."),
    ] = "0s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
    min_calls: Annotated[int, typer.Option(min=0, help="Only statements called so often.")] = 0,
    database: Annotated[str, typer.Option(help="Only this database.", show_default=False)] = "",
    user: Annotated[str, typer.Option(help="Only this role.", show_default=False)] = "",
    grep: Annotated[
        str,
        typer.Option(
            parser=text_parser(check_grep),
            metavar="REGEX",
            help="Only statements that match.",
            show_default=False,
        ),
    ] = "",
) -> Report:
    """Rank statements by what they cost, and say what is wrong with them.

    PostgreSQL: pg_stat_statements, or samples of pg_stat_activity where that is missing.
    MongoDB: the profiler's collection. Redis: SLOWLOG.
    """
    selection = Selection(by, limit, min_calls, database, user, grep, interval)
    if (snapshot := run.snapshot()) is not None:
        return _of_snapshot(snapshot, selection, run.thresholds)
    profile = run.profile()
    if profile.engine is Engine.mongodb:
        from dbtune.mongo.statements import slow_queries as of_mongo

        with run.mongo(profile) as mongo:
            return of_mongo(mongo, selection, run.wait)
    if profile.engine is Engine.redis:
        from dbtune.redis.statements import slow_queries as of_redis

        with run.redis(profile) as redis:
            return of_redis(redis, selection, run.wait)
    from dbtune.postgres.statements import slow_queries as of_postgres

    with run.postgres(profile) as postgres:
        return of_postgres(postgres, selection, run.wait)


def _of_snapshot(
    snapshot: Snapshot, selection: Selection, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    from dbtune.postgres.statements import from_snapshot

    try:
        report = from_snapshot(snapshot.require("postgresql"), selection, thresholds)
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name} has no statements: {missing.reason}") from None
    return snapshot.described(report)
