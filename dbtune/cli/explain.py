"""``dbtune explain``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtune.cli import complete
from dbtune.cli.command import Run, command, new_app, piped, text_parser
from dbtune.cli.statement_file import read_file
from dbtune.errors import UsageError
from dbtune.postgres.explain import from_files, from_session
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.postgres.explain.report import Thresholds
    from dbtune.postgres.indexes.planner import PlannerChoice

app = new_app()


class Verifier(StrEnum):
    """What verifies the indexes that findings suggest."""

    auto = "auto"
    hypopg = "hypopg"
    lab = "lab"
    none = "none"


_LIVE = "A statement on the TARGET"
_MONGO = "An operation on a MongoDB TARGET"
_NO_PLAN = (
    "no plan: name a file, pipe EXPLAIN's output in, or give --sql 'SELECT ...' and a TARGET "
    "(- reads what you type or paste, up to Ctrl-D)"
)


def __getattr__(name: str) -> object:
    """``TABLES``, whose nested types are many: only ``dbtune schema`` needs them."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.mongo.explain.table import PLANS as MONGO_PLANS
    from dbtune.postgres.explain.table import TABLES

    return (*TABLES, MONGO_PLANS)


def _parameter(text: str) -> tuple[int, str | None]:
    from dbtune.postgres.explain.live import parameter

    return parameter(text)


@command(
    app,
    target="optional",
    epilog="Examples: dbtune explain plan.txt; psql -f query.sql | dbtune explain; "
    "dbtune explain --sql 'SELECT ...' --analyze prod",
)
def explain(
    run: Run,
    plan_file: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLAN_FILE]...",
            help="Plans in any format, server logs, MongoDB's explain(); - or a pipe is standard "
            "input.",
            show_default=False,
            autocompletion=complete.after("explain"),
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", min=1, max=1000, help="Most plans; the slowest win."),
    ] = 20,
    sql: Annotated[
        str | None,
        typer.Option(help="A statement to plan.", rich_help_panel=_LIVE, show_default=False),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="File with a statement to plan; - is standard input.",
            rich_help_panel=_LIVE,
        ),
    ] = None,
    queryid: Annotated[
        int | None,
        typer.Option(metavar="N", help="Its number in pg_stat_statements.", rich_help_panel=_LIVE),
    ] = None,
    param: Annotated[
        list[Any] | None,
        typer.Option(
            parser=text_parser(_parameter),
            metavar="N=VALUE",
            help=r"Value of $N; \N is NULL. Repeat it for several.",
            rich_help_panel=_LIVE,
            show_default=False,
        ),
    ] = None,
    generic: Annotated[
        bool,
        typer.Option(
            "--generic", help="Plan for any values of the parameters.", rich_help_panel=_LIVE
        ),
    ] = False,
    analyze: Annotated[
        bool,
        typer.Option(
            "--analyze",
            help="Execute and measure it (PostgreSQL: in a READ ONLY transaction).",
            rich_help_panel=_LIVE,
        ),
    ] = False,
    allow_write: Annotated[
        bool,
        typer.Option(
            "--allow-write",
            help="With --analyze: even if it writes; it is rolled back.",
            rich_help_panel=_LIVE,
        ),
    ] = False,
    search_path: Annotated[
        str,
        typer.Option(
            metavar="SCHEMAS",
            help="Where a statement's names are looked up.",
            rich_help_panel=_LIVE,
            show_default="the role's",
        ),
    ] = "",
    planner: Annotated[
        Verifier,
        typer.Option(
            help="What judges indexes: HypoPG on the target, or a private server with its schema "
            "and statistics.",
            rich_help_panel=_LIVE,
        ),
    ] = Verifier.auto,
    collection: Annotated[
        str,
        typer.Option(
            metavar="DB.COLL",
            help="One operation: what it reads.",
            rich_help_panel=_MONGO,
            show_default=False,
        ),
    ] = "",
    filter: Annotated[
        str,
        typer.Option(
            metavar="DOCUMENT",
            help="Conditions of a find, as in mongosh: \"{status: 'new'}\".",
            rich_help_panel=_MONGO,
            show_default=False,
        ),
    ] = "",
    sort: Annotated[
        str,
        typer.Option(
            metavar="DOCUMENT",
            help="The find's sort key.",
            rich_help_panel=_MONGO,
            show_default=False,
        ),
    ] = "",
    projection: Annotated[
        str,
        typer.Option(
            metavar="DOCUMENT",
            help="The find's projection.",
            rich_help_panel=_MONGO,
            show_default=False,
        ),
    ] = "",
    skip: Annotated[int, typer.Option(min=0, help="The find's skip.", rich_help_panel=_MONGO)] = 0,
    find_limit: Annotated[
        int,
        typer.Option(min=0, help="The find's limit.", rich_help_panel=_MONGO, show_default=False),
    ] = 0,
    hint: Annotated[
        str,
        typer.Option(
            metavar="INDEX", help="Index to use.", rich_help_panel=_MONGO, show_default=False
        ),
    ] = "",
    pipeline: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="An aggregation's stages, in place of a find.",
            rich_help_panel=_MONGO,
            show_default=False,
        ),
    ] = "",
) -> Report:
    """Read plans: where the time went, what is wrong, what to do about it.

    Plans come from files, a pipe or logs, several at once, in whatever frame they were pasted. Or
    a server is asked for the plan of a statement: --sql, --file or --queryid; of MongoDB, of
    --collection with --filter or --pipeline. Beside it there are dbtune explain diff, which
    compares two plans, dbtune explain check, which judges plans, and dbtune explain flame, which
    draws them.
    """
    asked = [one for one in (sql, file, queryid) if one is not None]
    operation: dict[str, Any] = {
        "--collection": collection,
        "--filter": filter,
        "--sort": sort,
    }
    operation |= {"--projection": projection, "--skip": skip, "--hint": hint}
    operation |= {"--pipeline": pipeline}
    if any(operation.values()) or find_limit:
        from dbtune.cli.explain_mongo import live

        other = [name for name, one in {"--sql": sql, "--file": file}.items() if one is not None]
        other += ["--queryid"] * (queryid is not None) + ["--allow-write"] * allow_write
        return live(run, operation, find_limit, plan_file or (), other, analyze=analyze)
    if not asked:
        given: dict[str, object] = {"--param": param, "--generic": generic, "--analyze": analyze}
        given |= {"--allow-write": allow_write, "--search-path": search_path}
        for name, value in given.items():
            if value:
                raise UsageError(
                    f"{name} needs a statement: --sql, --file or --queryid (MongoDB: --collection)"
                )
        # The last of the files stood where a TARGET may stand.
        files = [*(plan_file or ()), *([run.target] if run.target else ())]
        run.target = None
        thresholds = run.profile().thresholds if run.target_given else None
        return _read(run, files or piped(_NO_PLAN), limit, thresholds)
    if len(asked) > 1:
        raise UsageError("give one of --sql, --file and --queryid")
    if plan_file:
        raise UsageError(
            f"a statement has one TARGET, not {len(plan_file) + 1}; without --sql, --file and "
            "--queryid they are files with plans"
        )
    if allow_write and not analyze:
        raise UsageError("--allow-write needs --analyze: a plan alone writes nothing")
    from dbtune.postgres.explain.live import Request
    from dbtune.postgres.explain.queryid import text_of

    statement = sql if sql is not None else read_file(Path(file)) if file is not None else None
    profile = run.profile()
    if profile.engine is Engine.mongodb:
        raise UsageError(
            f"{profile.name} is mongodb: give --collection DB.COLL with --filter or --pipeline; "
            "--sql, --file and --queryid are for postgresql"
        )
    with run.postgres(profile) as session:
        if statement is not None:
            origin = "--sql" if file is None else plain(file)
        else:
            statement, origin = text_of(session, queryid or 0), f"statement {queryid}"
        request = Request(
            statement,
            dict(param or ()),
            analyze=analyze,
            generic=generic,
            allow_write=allow_write,
            search_path=search_path,
            origin=origin,
            normalized=queryid is not None,
        )
        return from_session(session, request, _choice(planner))


def _choice(planner: Verifier) -> PlannerChoice | None:
    from dbtune.postgres.indexes.planner import PlannerChoice

    return None if planner is Verifier.none else PlannerChoice(planner.value)


def _read(run: Run, files: list[str], limit: int, thresholds: Thresholds | None) -> Report:
    """The report on plans in files, of PostgreSQL or of MongoDB."""
    from dbtune.mongo.explain import from_texts
    from dbtune.mongo.explain.inputs import mongo_texts

    texts = mongo_texts(files)
    if not texts:
        return from_files(files, limit=limit, progress=run.reading, thresholds=thresholds)
    if len(texts) < len(files):
        raise UsageError(
            "some of the files are MongoDB's explain output and some are not; give them one by one"
        )
    return from_texts(texts, limit=limit, thresholds=thresholds)
