"""``dbtune check``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from dbtune.cli.command import FailOn, Run, command, duration_option, new_app
from dbtune.errors import UsageError
from dbtune.finding import load_checks
from dbtune.health.known import baseline_text, read_baseline
from dbtune.health.report import TABLES as TABLES
from dbtune.health.report import Known
from dbtune.health.selection import select
from dbtune.profile import Engine
from dbtune.report import Report

app = new_app()


@command(
    app,
    saved=True,
    fail_on=FailOn.critical,
    epilog="Example: dbtune check prod --exclude security --baseline known.json --fail-on warning",
)
def check(
    run: Run,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only these checks: name, pattern or tag. Repeat it for several."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Not these checks: name, pattern or tag.")
    ] = None,
    interval: Annotated[
        float,
        duration_option(help="Watch counters for so long; 0 judges what they counted so far."),
    ] = "3s",  # type: ignore[assignment] # Typer parses the default as it parses a user's text
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Findings in this file are known and do not count."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all findings of this run as a baseline."),
    ] = None,
) -> Report:
    """Judge the health of a server: what is wrong, in order of harm.

    What could not be examined is listed as skipped, with what would grant it: skipped is not clean.
    """
    snapshot = run.snapshot()
    profile = run.profile() if snapshot is None or run.target_given else None
    accepted = profile.accepted if profile else ()
    known = Known(date.today(), accepted, read_baseline(baseline) if baseline else {})
    if snapshot is not None:
        from dbtune.postgres.health import CHECKS, check_snapshot

        checks = select(load_checks(CHECKS), only or (), exclude or ())
        snapshot.require("postgresql")
        report, findings = check_snapshot(
            snapshot, checks, known, profile.thresholds if profile else {}
        )
    else:
        assert profile is not None
        if profile.engine is not Engine.postgresql:
            raise UsageError(f"{profile.name} is {profile.engine}; check is for PostgreSQL so far")
        from dbtune.postgres.health import CHECKS
        from dbtune.postgres.health import check as of_postgres

        checks = select(load_checks(CHECKS), only or (), exclude or ())
        with run.postgres(profile) as session:
            report, findings = of_postgres(session, checks, known, interval, run.wait)
    if write_baseline is not None:
        from dbtune.cli.output import write_file

        write_file(write_baseline, baseline_text(findings) + "\n", force=run.force)
        run.say(f"written to {write_baseline}")
    return report
