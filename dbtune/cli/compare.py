"""``dbtune compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import Gate, Run, command, duration_option, new_app
from dbtune.compare.tables import TABLES
from dbtune.errors import UsageError
from dbtune.redaction import redact_url
from dbtune.report import Report
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.watch.store import Store

__all__ = ["TABLES", "app"]

app = new_app()
_HOUR = 3600.0


@command(
    app,
    target="optional",
    fail_on=Gate.never,
    epilog="Examples: dbtune compare before.json.gz prod --note 'raised shared_buffers'; "
    "dbtune compare monday.json.gz change.json.gz friday.json.gz -f markdown",
)
def compare(
    run: Run,
    snapshots: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SNAPSHOT...",
            help="Two to four files of dbtune snapshot, earliest first; the last may be a TARGET.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(
            help="What was done in between: it gets a verdict. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            metavar="DIR|URL",
            help="Take the snapshots from where dbtune watch keeps them.",
            show_default=False,
        ),
    ] = "",
    since: Annotated[
        float | None,
        duration_option(
            help="With --store: how long ago the change was made; as long a time before it is "
            "what it is compared with.",
            show_default="1h",
        ),
    ] = None,
) -> Report:
    """Compare snapshots: what changed, and whether it is better or worse.

    Two snapshots A B: what was counted until A, beside A to B. Three: A to B beside B to C, the
    change made at B. Four: A to B beside C to D.

    Findings are what is worse than before; --fail-on regression makes them an exit code.
    """
    from dbtune.compare import compare as of_snapshots

    note = [one for one in note or () if one.strip()]
    if store:
        seconds = _HOUR if since is None else since
        return of_snapshots(_kept(run, snapshots or [], store, seconds), note)
    if since is not None:
        raise UsageError("--since chooses snapshots of a --store: name it, or name the snapshots")
    found, live = _given(run, snapshots or [])
    thresholds = run.thresholds if live else {}
    return of_snapshots(found, note, thresholds)


def _kept(run: Run, names: list[str], store: str, since: float) -> list[Snapshot]:
    """Snapshots of a store, around a change."""
    from dbtune.watch.folder import Folder
    from dbtune.watch.store import periods

    if names:
        raise UsageError("with --store name a TARGET at most: the store has the snapshots")
    targets: tuple[str, ...] = ()
    if run.target_given:
        profile = run.profile()
        targets = (redact_url(profile.name), profile.where)
    kept: Store
    if "://" in store:
        from dbtune.cli.watch import open_database

        kept = open_database(run, store, create=False)
    else:
        kept = Folder(Path(store), create=False)
    try:
        return periods(kept, targets, since, redact_url(store))
    finally:
        kept.close()


def _given(run: Run, names: list[str]) -> tuple[list[Snapshot], bool]:
    """The snapshots that were named; the last name may be a target's, which is read now."""
    from dbtune.facts import read

    # The last of the files stood where a TARGET may stand.
    last, run.target = run.target, None
    names = [*names, *([last] if last else [])]
    if not names:
        raise UsageError("name two snapshots, or a snapshot and a TARGET (dbtune snapshot -o FILE)")
    live = run.target_given
    if not live and not Path(names[-1]).exists() and len(names) > 1:
        run.target, live = names.pop(), True
    if len(names) + live < 2:
        raise UsageError(
            f"{plain(names[0])} alone: name a second snapshot, or a TARGET to read now"
        )
    if len(names) == 2 and not live and Path(names[0]).exists() and Path(names[1]).exists() \
            and Path(names[0]).samefile(names[1]):  # fmt: skip
        raise UsageError(f"{plain(names[0])} twice: a snapshot does not differ from itself")
    files = [read(Path(name)) for name in names]
    return ([*files, _now(run)] if live else files), live


def _now(run: Run) -> Snapshot:
    from dataclasses import replace

    from dbtune.cli.snapshot import take_snapshot

    try:
        profile = run.profile()
    except UsageError as error:
        if run.target and "://" not in run.target:
            raise UsageError(f"{plain(run.target)} is no file, and {error}") from None
        raise
    return replace(take_snapshot(run, profile, texts=True), name=f"{profile.name} now")
