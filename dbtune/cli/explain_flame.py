"""``dbtune explain flame``."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from dbtune.cli.command import Picture, Run, command, new_app, piped
from dbtune.errors import UsageError
from dbtune.report import Report

app = new_app()


class By(StrEnum):
    """What makes a frame wide."""

    time = "time"
    buffers = "buffers"
    cost = "cost"


@command(
    app,
    target="none",
    name="flame",
    formats=Picture,
    epilog="Examples: dbtune explain flame plan.txt -o plan.svg; "
    "dbtune explain flame postgresql.log -f folded | flamegraph.pl > log.svg",
)
def flame(
    run: Run,
    plan_file: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLAN_FILE]...",
            help="Plans in any format, or server logs; - or a pipe is standard input.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(
            help="What makes a frame wide.", show_default="time, or cost where there is none"
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=100_000, help="Most plans; the slowest win.")
    ] = 20,
) -> Report:
    """Draw where a plan's time went as a flame graph that hangs (an icicle).

    svg is a picture that any browser shows; folded are stacks in microseconds (blocks, hundredths
    of cost) for flamegraph.pl and the like, those of all plans added up; speedscope is JSON for
    speedscope.app.
    """
    names = plan_file or piped("no plan: name a file, or pipe explain's output in")
    made = _read(run, names, limit, by)
    for note in (*made.notes, *(one.reason for one in made.skipped)):
        run.say(f"note: {note}")
    return made


def _read(run: Run, names: list[str], limit: int, by: By | None) -> Report:
    """The plans of PostgreSQL or of MongoDB in some files, as trees."""
    from dbtune.mongo.explain.inputs import mongo_texts

    if texts := mongo_texts(names):
        from dbtune.mongo.explain import pictured

        if by not in (None, By.time) or len(texts) < len(names):
            raise UsageError("plans of MongoDB are drawn by themselves, and by time only")
        return pictured(texts, limit=limit)
    from dbtune.postgres.explain.flame import report
    from dbtune.postgres.explain.inputs import read_files

    found = read_files(names, limit, run.progress)
    made = report(found.plans, None if by is None else by.value)
    return replace(made, notes=tuple(found.notes), skipped=(*found.skipped, *made.skipped))
