"""``dbtune snapshot``."""

from __future__ import annotations

from typing import Annotated

import typer

from dbtune.cli.command import Run, command, new_app
from dbtune.errors import UsageError
from dbtune.profile import Engine
from dbtune.report import Report
from dbtune.snapshots import FACTS

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
    from dbtune.snapshots import report

    path = run.claim_output("the snapshot")
    profile = run.profile()
    if profile.engine is not Engine.postgresql:
        raise UsageError(f"{profile.name} is {profile.engine}; snapshots are of PostgreSQL so far")
    from dbtune.postgres.snapshot import snapshot as of_postgres

    with run.postgres(profile) as session, run.progress("reading", 20) as advance:
        found = of_postgres(session, texts=texts, progress=advance)
    content = write(found)
    write_file(path, content, force=run.force)
    return report(found, (f"written to {path}, {len(content):,} bytes",))
