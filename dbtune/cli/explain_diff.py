"""``dbtune explain diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import Run, command, new_app
from dbtune.errors import UsageError
from dbtune.postgres.plan_diff.table import TABLES
from dbtune.report import Report
from dbtune.text import plain, plural

if TYPE_CHECKING:
    from dbtune.postgres.explain.report import Given

__all__ = ["TABLES", "app"]

app = new_app()
_STDIN = "-"
_MOST = 100_000


@command(
    app, target="none", name="diff", epilog="Example: dbtune explain diff before.txt after.txt"
)
def diff(
    run: Run,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A plan; - is standard input.")],
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="[AFTER]",
            help="Another; without it the second plan in BEFORE.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST,
            help="Which plan of each file, from 1.",
            show_default="the first",
        ),
    ] = None,
) -> Report:
    """Compare two plans: what is faster, what changed on each table, what is fixed or new.

    Findings are what is worse than before; --fail-on makes them an exit code.
    """
    from dbtune.postgres.plan_diff.report import report

    if before == after == _STDIN:
        raise UsageError("only one of the two plans can come from standard input")
    if after is None:
        if plan is not None:
            raise UsageError("--plan chooses a plan of each file: name both files")
        plans = _plans(run, before)
        return report(_nth(plans, before, 1), _nth(plans, before, 2))
    number = plan or 1
    left, right = _plans(run, before), _plans(run, after)
    return report(_nth(left, before, number), _nth(right, after, number))


def _nth(found: list[Given], name: str, number: int) -> Given:
    if number > len(found):
        shown = "standard input" if name == _STDIN else plain(name)
        raise UsageError(
            f"{shown} has {plural(len(found), 'plan')}, and number {number} is asked for"
        )
    return found[number - 1]


def _plans(run: Run, name: str) -> list[Given]:
    from dbtune.postgres.explain.inputs import read_files

    return read_files([name], _MOST, run.progress).plans
