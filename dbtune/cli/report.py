"""``dbtune report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli import complete
from dbtune.cli.command import Run, Written, command, duration_option, new_app, typed
from dbtune.errors import TargetError, UsageError
from dbtune.report import Report, Table

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.finding import Skipped
    from dbtune.guide.material import Material
    from dbtune.profile import Profile

app = new_app()


def __getattr__(name: str) -> tuple[Table, ...]:
    """``TABLES``: only ``dbtune schema`` needs them."""
    if name != "TABLES":
        raise AttributeError(name)
    from dbtune.guide.build import TABLES

    return TABLES


@command(
    app,
    target="optional",
    formats=Written,
    epilog="Examples: dbtune report prod -o report.html; dbtune report --tag shop -o shop.html; "
    "dbtune report prod --from before.json.gz --note 'raised work_mem' --bench pool.json -o r.html",
)
def report(
    run: Run,
    more_targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Profiles or URLs: all that belong into the report, of any engine.",
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        str,
        typer.Option(
            help="All profiles with this tag, at once.",
            show_default=False,
            autocompletion=complete.tags,
        ),
    ] = "",
    snapshots: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Snapshots: in place of targets, or earlier ones of these, for the log of what "
            "was changed. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(
            help="What was changed between snapshots: it gets a verdict. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    bench: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Results of dbtune bench (-f json) to show. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[
        float,
        duration_option(help="Observe each target's load for so long; 0 takes what it counted."),
    ] = typed("10s"),
    title: Annotated[
        str, typer.Option(help="The document's heading.", show_default="a usual one")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="So many targets at once.")] = 4,
) -> Report:
    """Write one document on an application's servers: the tuning guide, with the numbers filled in.

    Summary, problems by harm with scripts, metrics, statements, indexes, space, pools and
    configuration, trade-offs, a checklist for load tests, a log of changes, and what was not
    examined. Nothing is written to a target, and no statement of yours is executed.
    """
    from dbtune.facts import read
    from dbtune.guide.bench import read as read_bench
    from dbtune.guide.build import build
    from dbtune.guide.log import by_target

    profiles = _profiles(run, more_targets or [], tag, live=not snapshots)
    benches = [read_bench(path) for path in bench or ()]
    groups = by_target([read(path) for path in snapshots or ()])
    notes = [one for one in note or () if one.strip()]
    if notes and not groups:
        raise UsageError("--note is about what changed since a snapshot: name that by --from FILE")
    materials, lost = _live(run, profiles, groups, notes, interval, jobs) if profiles else ([], [])
    used = [one.earlier for one in materials]
    others = [group for group in groups if group not in used]
    return build([*materials, *_saved(run, others, notes)], lost, benches, title)


def _profiles(run: Run, more: list[str], tag: str, *, live: bool) -> list[Profile]:
    from dbtune.profile import tagged

    # The last of the targets stands where one TARGET may stand.
    names = [*more, *([run.target] if run.target else [])]
    if tag:
        if names or run.target_given:
            raise UsageError("--tag names the targets: no TARGET, --url or --profile beside it")
        return tagged(tag)
    if not names:
        return [run.profile()] if run.target_given or live else []
    if run.url or run.profile_name:
        raise UsageError("give TARGETs, or one by --url or --profile")
    found = [replace(run, target=name).profile() for name in names]
    twice = {one.name for one in found if [other.name for other in found].count(one.name) > 1}
    if twice:
        raise UsageError(f"{min(twice)} is named twice")
    return found


def _live(
    run: Run,
    profiles: Sequence[Profile],
    groups: Sequence[Sequence[Snapshot]],
    notes: Sequence[str],
    interval: float,
    jobs: int,
) -> tuple[list[Material], list[Skipped]]:
    """What is known of each target; one that can't be reached hides none of the others."""
    from dbtune.at_once import at_once
    from dbtune.finding import Skipped
    from dbtune.guide.live import Asked, examine
    from dbtune.redaction import redact_url

    asked = Asked(interval, tuple(map(tuple, groups)), tuple(notes))

    def one(profile: Profile, by: Run) -> Material:
        with by.session(profile) as session:
            return examine(session, asked, by.wait, by.progress)

    if len(profiles) == 1:
        return [one(profiles[0], run)], []
    quietly = replace(run, quiet=True)  # many bars at once are none

    def attempt(profile: Profile) -> Material | Skipped:
        try:
            return one(profile, quietly)
        except (TargetError, UsageError) as error:
            return Skipped(f"target {redact_url(profile.name)}", str(error))

    found: list[Material | Skipped] = []
    with run.progress(f"examining {len(profiles)} targets", len(profiles)) as advance:
        for outcome in at_once(attempt, profiles, jobs):
            found.append(outcome)
            advance(len(found))
    lost = [one for one in found if isinstance(one, Skipped)]
    if len(lost) == len(found):
        raise TargetError("; ".join(f"{one.what}: {one.reason}" for one in lost))
    for missing in lost:  # the document may go to a file, and the exit code names nobody
        run.say(f"{missing.what}: {missing.reason}")
    return [one for one in found if not isinstance(one, Skipped)], lost


def _saved(run: Run, groups: Sequence[Sequence[Snapshot]], notes: Sequence[str]) -> list[Material]:
    from dbtune.guide.saved import of_snapshots

    return [of_snapshots(group, notes, {}, run.progress) for group in groups]
