"""``dbtune snapshot``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dbtune.cli.command import Run, command, new_app
from dbtune.cli.log_options import AUTO, LinePrefix, wanted_of
from dbtune.errors import UsageError
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
    epilog="Example: dbtune snapshot prod -o prod.json.gz; dbtune slow-queries --from prod.json.gz",
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
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="PostgreSQL's logs: keep what they say, constants masked. Repeat it for several.",
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
        raise UsageError(f"--log is for PostgreSQL; {profile.name} is {profile.engine}")
    if log and not texts:
        raise UsageError("what --log keeps are statements: no --no-query-text beside it")
    wanted = wanted_of(log_line_prefix, logs=bool(log))
    more = _of_logs(run, log, wanted) if log else {}
    found = take_snapshot(run, profile, texts=texts)
    found = replace(found, facts={**found.facts, **more})
    content = write(found)
    write_file(path, content, force=run.force)
    return report(found, (f"written to {path}, {len(content):,} bytes",))


def take_snapshot(run: Run, profile: Profile, *, texts: bool) -> Snapshot:
    """All facts of a target.

    Args:
        run: its limits and progress.
        profile: the target.
        texts: whether to keep statements' texts.
    """
    from dbtune.snapshots import take

    with run.session(profile) as session, run.progress("reading", 1) as advance:
        if profile.engine is Engine.postgresql:
            from dbtune.postgres.snapshot import snapshot as of_postgres

            return of_postgres(cast("PostgresSession", session), texts=texts, progress=advance)
        return take(session, progress=advance)


def _of_logs(run: Run, names: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    from dbtune.codec import dump
    from dbtune.postgres.logs.fact import SERVER_LOG, read_log

    return {SERVER_LOG.name: dump(read_log(names, wanted, run.reading))}
