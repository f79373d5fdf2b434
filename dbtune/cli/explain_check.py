"""``dbtune explain check``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import FailOn, Run, command, new_app, piped
from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.plan_policy.table import TABLES
from dbtune.report import Report
from dbtune.text import plain, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbtune.postgres.explain.inputs import Found
    from dbtune.postgres.explain.report import Given
    from dbtune.postgres.plan_policy.policy import Policy
    from dbtune.postgres.plans.model import Plan

__all__ = ["TABLES", "app"]

app = new_app()
_MOST = 1_000_000


@command(
    app,
    target="none",
    name="check",
    fail_on=FailOn.critical,
    epilog="Example: dbtune explain check plans/*.txt --policy plans.yaml --baseline plans/main "
    "-f github",
)
def check(
    run: Run,
    plans: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PLANS...",
            help="Plans in any format; - or a pipe is standard input.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML with the key plans: what they must not do.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with the plans of before, in files of the same names.",
            show_default=False,
        ),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Copy the plans into this folder as a baseline, after judging them.",
            show_default=False,
        ),
    ] = None,
) -> Report:
    """Judge plans by a policy, for CI: exit code 1 if one does what is forbidden.

    Without --policy only one rule holds: no index of the baseline may be lost. Plans on near-empty
    tables are skipped, never passed; --strict makes that exit code 4.
    """
    from datetime import UTC, datetime

    from dbtune.cli.output import write_file
    from dbtune.postgres.plan_policy.baseline import copies
    from dbtune.postgres.plan_policy.report import report

    if policy is None and baseline is None and write_baseline is None:
        raise UsageError("nothing to judge by: give --policy FILE, --baseline DIR or both")
    rules = _policy(policy, baseline)
    names = plans or piped("no plan: name files, or pipe EXPLAIN's output in")
    given = _plans(run, names)
    made = report(
        given.plans,
        rules,
        _before(run, given.plans, baseline),
        datetime.now(UTC).date(),
        given.notes,
    )
    notes = made.notes
    if write_baseline is not None:
        files = copies(names)
        for name, content in files.items():
            write_file(write_baseline / name, content, force=True)
        notes = (*notes, f"{plural(len(files), 'file')} copied to {plain(str(write_baseline))}")
    return replace(made, notes=notes, skipped=(*given.skipped, *made.skipped))


def _policy(file: Path | None, baseline: Path | None) -> Policy:
    from dbtune.postgres.plan_policy.policy import Policy
    from dbtune.postgres.plan_policy.read import load

    if file is None:
        return Policy(index_lost=True)
    policy = load(file)
    return replace(policy, index_lost=policy.index_lost or baseline is not None)


def _before(run: Run, given: Sequence[Given], folder: Path | None) -> Sequence[Plan | Unavailable]:
    from dbtune.postgres.plan_policy.baseline import baselines

    if folder is None:
        return [Unavailable("there is no baseline to compare with", "--baseline DIR")] * len(given)
    if not folder.is_dir():
        raise UsageError(
            f"--baseline {plain(str(folder))}: there is no such folder; --write-baseline makes one"
        )
    return baselines(given, folder, lambda name: _plans(run, [name]).plans)


def _plans(run: Run, names: Sequence[str]) -> Found:
    from dbtune.postgres.explain.inputs import read_files

    return read_files(names, _MOST, run.progress)
