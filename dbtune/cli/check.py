"""``dbtune check``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from dbtune.cli.command import FailOn, Run, command, duration_option, new_app
from dbtune.errors import UsageError
from dbtune.finding import Finding
from dbtune.health.known import baseline_text, read_baseline
from dbtune.health.report import TABLES as TABLES
from dbtune.health.report import Known
from dbtune.health.run import Examination, check_many, check_snapshot, checks_of
from dbtune.health.run import check as check_one
from dbtune.profile import Profile, tagged
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
    tag: Annotated[
        str, typer.Option(help="Check all profiles with this tag, at once.", show_default=False)
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="With --tag: so many at a time.")] = 8,
) -> Report:
    """Judge the health of a server: what is wrong, in order of harm.

    What could not be examined is listed as skipped, with what would grant it: skipped is not clean.
    """
    known = read_baseline(baseline) if baseline else {}

    def ask(profile: Profile | None) -> Examination:
        accepted = profile.accepted if profile else ()
        return Examination(
            Known(date.today(), accepted, known), only or (), exclude or (), interval
        )

    snapshot = run.snapshot()
    if tag:
        report, findings = _fleet(run, tag, jobs, ask)
    elif snapshot is not None:
        profile = run.profile() if run.target_given else None
        report, findings = check_snapshot(
            snapshot, ask(profile), profile.thresholds if profile else {}
        )
    else:
        profile = run.profile()
        with run.session(profile) as session:
            report, findings = check_one(session, ask(profile), run.wait)
    if write_baseline is not None:
        from dbtune.cli.output import write_file

        write_file(write_baseline, baseline_text(findings) + "\n", force=run.force)
        run.say(f"written to {write_baseline}")
    return report


def _fleet(
    run: Run, tag: str, jobs: int, ask: Callable[[Profile | None], Examination]
) -> tuple[Report, list[Finding]]:
    if run.target_given or run.saved:
        raise UsageError("--tag names the targets: no TARGET, --url, --profile or --from beside it")
    profiles = tagged(tag)
    anybody = ask(None)
    checks_of({one.engine for one in profiles}, anybody.only, anybody.exclude)
    quietly = replace(run, quiet=True)  # many bars at once are none

    def one(profile: Profile) -> tuple[Report, list[Finding]]:
        with run.session(profile) as session:
            return check_one(session, ask(profile), quietly.wait, name=profile.name)

    with run.progress(f"checking {len(profiles)} targets", len(profiles)) as advance:
        return check_many(profiles, one, jobs=jobs, progress=advance)
