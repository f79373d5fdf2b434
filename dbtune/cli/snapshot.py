"""``dbtune snapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from dbtune.cli.command import Run, command, new_app
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.snapshots import FACTS

if TYPE_CHECKING:
    from dbtune.postgres.session import Session as PostgresSession

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
) -> Report:
    """Save all facts of a target to a file, for later, for a colleague, for comparison.

    The file is JSON, compressed by gzip. It holds names of objects, settings and counters; no rows,
    no passwords. Commands that analyse read it by --from FILE.
    """
    from dbtune.cli.output import write_file
    from dbtune.facts import write
    from dbtune.snapshots import report, take

    path = run.claim_output("the snapshot")
    profile = run.profile()
    with run.session(profile) as session, run.progress("reading", 1) as advance:
        if profile.engine is Engine.postgresql:
            from dbtune.postgres.snapshot import snapshot as of_postgres

            found = of_postgres(cast("PostgresSession", session), texts=texts, progress=advance)
        else:
            found = take(session, progress=advance)
    content = write(found)
    write_file(path, content, force=run.force)
    return report(found, (f"written to {path}, {len(content):,} bytes",))
