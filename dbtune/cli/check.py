"""``dbtune check``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dbtune.cli import complete
from dbtune.cli.command import FailOn, Run, command, duration_option, new_app, typed
from dbtune.cli.log_options import AUTO, LinePrefix, wanted_of
from dbtune.errors import Unavailable, UsageError
from dbtune.finding import Finding, Skipped
from dbtune.health.known import baseline_text, read_baseline
from dbtune.health.report import Known
from dbtune.health.run import (
    Beyond,
    Examination,
    check_beyond,
    check_many,
    check_snapshot,
    checks_of,
)
from dbtune.health.run import check as check_one
from dbtune.profile import Engine, Profile, tagged
from dbtune.report import Report, Table

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.logs.stream import Wanted

app = new_app()


def __getattr__(name: str) -> tuple[Table, ...]:
    """``TABLES``, of which logs have some: only ``dbtune schema`` needs them."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.health.report import TABLES
    from dbtune.postgres.logs.health import TABLES as OF_LOGS

    return (*TABLES, *OF_LOGS)


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
        typer.Option(
            help="Only these checks: name, pattern or tag. Repeat it for several.",
            autocompletion=complete.health_checks,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Not these checks: name, pattern or tag. Repeat it for several.",
            autocompletion=complete.health_checks,
        ),
    ] = None,
    interval: Annotated[
        float,
        duration_option(help="Observe counters for so long; 0 takes what they counted so far."),
    ] = typed("3s"),
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Findings in this file are known and do not count."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all findings of this run as a baseline."),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="PostgreSQL's logs, beside a TARGET or alone: a file, pattern or folder; - is "
            "standard input. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    log_line_prefix: LinePrefix = AUTO,
    tag: Annotated[
        str,
        typer.Option(
            help="All profiles with this tag, at once.",
            show_default=False,
            autocompletion=complete.tags,
        ),
    ] = "",
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="With --tag: so many targets at once.")
    ] = 8,
) -> Report:
    """Judge the health of a server: what is wrong, in order of harm.

    What could not be examined is listed as skipped, with what would grant it: skipped is not clean.
    """
    from dbtune.cli.output import check_writable, write_file

    check_writable(write_baseline, "--write-baseline", force=run.force)
    known = read_baseline(baseline) if baseline else {}
    snapshot = run.snapshot()
    if tag and log:
        raise UsageError("--log is one server's: no --tag beside it")
    wanted = wanted_of(log_line_prefix, logs=bool(log))
    beyond = _beyond(run, snapshot, log or (), wanted)

    def ask(profile: Profile | None) -> Examination:
        accepted = profile.accepted if profile else ()
        return Examination(
            Known(date.today(), accepted, known), only or (), exclude or (), interval, beyond
        )

    if tag:
        report, findings = _fleet(run, tag, jobs, ask)
    elif snapshot is not None:
        profile = run.profile() if run.target_given else None
        report, findings = check_snapshot(
            snapshot, ask(profile), profile.thresholds if profile else {}
        )
    elif log and not run.target_given:
        report, findings = check_beyond(ask(None), {})
    else:
        profile = run.profile()
        if log and profile.engine is not Engine.postgresql:
            raise UsageError(f"--log is for PostgreSQL; {profile.name} is {profile.engine.product}")
        with run.any_session(profile) as session:
            nodes, lacking = _nodes(session) if profile.engine is Engine.redis else ([], [])
            if not nodes:
                report, findings = check_one(session, ask(profile), run.wait)
        if nodes:
            report, findings = _many(run, nodes, jobs, ask)
        report = replace(report, skipped=(*lacking, *report.skipped))
    if write_baseline is not None:
        write_file(write_baseline, baseline_text(findings) + "\n", force=run.force)
        run.say(f"written to {write_baseline}")
    return report


def _beyond(run: Run, snapshot: Snapshot | None, names: Sequence[str], wanted: Wanted) -> Beyond:
    """What logs say: those that are named, or those that a snapshot holds."""
    if not names and (snapshot is None or snapshot.engine != Engine.postgresql):
        return Beyond()
    from dbtune.postgres.logs.fact import of_snapshot, read_log
    from dbtune.postgres.logs.health import beyond

    if names:
        if snapshot is not None:
            snapshot.require("postgresql")
        return beyond(read_log(names, wanted, run.reading))
    assert snapshot is not None
    log = of_snapshot(snapshot)
    return Beyond() if log is None else beyond(log)


def _fleet(
    run: Run, tag: str, jobs: int, ask: Callable[[Profile | None], Examination]
) -> tuple[Report, list[Finding]]:
    if run.target_given or run.saved:
        raise UsageError("--tag names the targets: no TARGET, --url, --profile or --from beside it")
    profiles = tagged(tag)
    anybody = ask(None)
    checks_of({one.engine for one in profiles}, anybody.only, anybody.exclude)
    return _many(run, profiles, jobs, ask)


def _nodes(session: object) -> tuple[list[Profile], list[Skipped]]:
    """Profiles of a Redis Cluster's nodes, and those that can't be asked; none of other targets."""
    from dbtune.redis.nodes import node_profiles
    from dbtune.redis.session import Session as RedisSession

    try:
        return node_profiles(cast("RedisSession", session))
    except Unavailable as missing:
        return [], [Skipped("the other nodes", missing.reason, missing.remedy)]


def _many(
    run: Run, profiles: Sequence[Profile], jobs: int, ask: Callable[[Profile | None], Examination]
) -> tuple[Report, list[Finding]]:
    quietly = replace(run, quiet=True)  # many bars at once are none

    def one(profile: Profile) -> tuple[Report, list[Finding]]:
        with run.any_session(profile) as session:
            return check_one(session, ask(profile), quietly.wait, name=profile.name)

    with run.progress(f"checking {len(profiles)} targets", len(profiles)) as advance:
        return check_many(profiles, one, jobs=jobs, progress=advance)
