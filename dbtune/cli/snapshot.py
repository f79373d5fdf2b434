"""``dbtune snapshot``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dbtune.cli.command import Run, command, duration_option, new_app, typed
from dbtune.cli.log_options import AUTO, LinePrefix, wanted_of
from dbtune.errors import Unavailable, UsageError
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.snapshots import FACTS

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.logs.stream import Wanted
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.profile import Profile

TABLES = (FACTS,)

app = new_app()


@command(
    app,
    writes="File for the snapshot; the report goes to stdout.",
    epilog="Examples: dbtune snapshot prod -o prod.json.gz; "
    "dbtune slow-queries --from prod.json.gz",
)
def snapshot(
    run: Run,
    texts: Annotated[
        bool,
        typer.Option(
            "--query-text/--no-query-text",
            help="Whether statements' texts are kept; constants in them are masked.",
        ),
    ] = True,
    interval: Annotated[
        float,
        duration_option(
            help="Observe the load for so long, for pool-size --from; 0 takes one look."
        ),
    ] = typed("0s"),
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="PostgreSQL's logs: a file, pattern or folder; - is standard input. What they say "
            "is kept, constants masked. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    log_line_prefix: LinePrefix = AUTO,
) -> Report:
    """Save all facts of a target to a file, for later, for a colleague, for comparison.

    The file is JSON, compressed by gzip. It holds names and definitions of objects, the planner's
    statistics (common values of columns among them), settings and counters; no rows, no passwords.
    Commands that analyse read it by --from FILE.
    """
    from dbtune.cli.output import write_file
    from dbtune.facts import write
    from dbtune.snapshots import report

    path = run.claim_output("the snapshot")
    profile = run.profile()
    if log and profile.engine is not Engine.postgresql:
        raise UsageError(f"--log is for PostgreSQL; {profile.name} is {profile.engine.product}")
    if log and not texts:
        raise UsageError("what --log keeps are statements: no --no-query-text beside it")
    wanted = wanted_of(log_line_prefix, logs=bool(log))
    more = _of_logs(run, log, wanted) if log else {}
    found = take_snapshot(run, profile, texts=texts, seconds=interval)
    found = replace(found, facts={**found.facts, **more})
    content = write(found)
    write_file(path, content, force=run.force)
    return report(found, (f"written to {path}, {len(content):,} bytes",))


def take_snapshot(run: Run, profile: Profile, *, texts: bool, seconds: float = 0) -> Snapshot:
    """All facts of a target.

    Args:
        run: its limits and progress.
        profile: the target.
        texts: whether to keep statements' texts.
        seconds: how long to observe the load.
    """
    from dbtune.snapshots import take

    with run.any_session(profile) as session:
        instead = _observed(run, session, seconds) if seconds else {}
        with run.progress("reading", 1) as advance:
            if session.profile.engine is not Engine.postgresql:
                strip = {} if texts else {"operations": _left_out}  # MongoDB's
                return take(session, strip=strip, instead=instead, progress=advance)
            from dbtune.postgres.snapshot import snapshot as of_postgres

            postgres = cast("PostgresSession", session)
            return of_postgres(postgres, texts=texts, progress=advance, instead=instead)


def _observed(run: Run, session: Any, seconds: float) -> dict[str, Callable[[Any], Any]]:
    """The facts that an observation fills."""
    found: dict[str, object]
    if session.profile.engine is Engine.postgresql:
        from dbtune.postgres.load import observed

        found = {"load": observed(session, seconds, run.wait)}
    elif session.profile.engine is Engine.pgbouncer:
        from dbtune.pgbouncer.load import observed as of_pools

        load = of_pools(session, seconds, run.wait)
        found = {"pools": load.pools, "traffic": load.traffic}
    else:
        what = session.profile.engine
        raise UsageError(f"--interval is for PostgreSQL and PgBouncer; this is {what}")
    return {name: partial(_known, value) for name, value in found.items()}


def _left_out(_operations: object) -> Unavailable:
    return Unavailable("left out by --no-query-text")


def _known(value: object, _session: object) -> object:
    return value


def _of_logs(run: Run, names: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    from dbtune.codec import dump
    from dbtune.postgres.logs.fact import SERVER_LOG, read_log

    return {SERVER_LOG.name: dump(read_log(names, wanted, run.reading))}
