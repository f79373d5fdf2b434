"""``dbtune demo``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import (
    Color,
    Format,
    Output,
    Run,
    SectionedCommand,
    interrupted_by_signals,
    new_app,
    seconds_option,
    typed,
)
from dbtune.demo.report import TABLES as TABLES
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.demo.tour import Shown

app = new_app()


class Action(StrEnum):
    """What to do with the demo."""

    run = "run"
    drive = "drive"
    status = "status"
    stop = "stop"


@app.command(
    cls=SectionedCommand,
    epilog="Examples: dbtune demo --keep; dbtune slow-queries demo; dbtune demo stop",
)
def demo(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="[run|drive|status|stop]",
            help="run it; or, where it was kept: drive it again, show its status, stop it.",
        ),
    ] = Action.run,
    duration: Annotated[
        int,
        seconds_option(least=4, most=3600, help="How long applications use the database."),
    ] = typed("8s"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running, as profile demo.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1024, max=65535, help="Port to listen at.", show_default="a free one"
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Output format: " + ", ".join(Format) + ".",
            show_default="by the name of --output, else table",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, not to stdout."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, nothing cut.")] = False,
    color: Annotated[Color, typer.Option(help="When to colour.")] = Color.auto,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the result.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show each statement sent.")
    ] = False,
) -> None:
    """Start a PostgreSQL with planted problems, let applications use it, show what dbtune finds.

    Everything is private, on this machine, and gone at the end, unless --keep leaves it running.
    """
    from dbtune.cli.output import check_writable

    out = Output(format, output, force, wide, color, quiet)
    check_writable(out.path, "--output", force=out.force)
    run = Run(verbose=verbose, quiet=quiet)
    shown: list[Shown] = []
    with interrupted_by_signals():
        if action is Action.run:
            shown, final = _run(run, duration, keep, port or 0)
        elif action is Action.drive:
            final = _drive(run, duration)
        else:
            final = _stop() if action is Action.stop else _status()
    _emit(shown, final, out)


def _run(run: Run, seconds: int, keep: bool, port: int) -> tuple[list[Shown], Report]:
    from dbtune.cli import COMMANDS
    from dbtune.demo import kept, shop, tour
    from dbtune.demo.report import next_steps, state, summary
    from dbtune.postgres.embedded.server import EmbeddedPostgres

    if keep:
        kept.check_free()
    run.say("starting a PostgreSQL 18 of its own")
    with EmbeddedPostgres(shop.SETTINGS, port=port, disk_bytes=shop.DISK_BYTES) as server:
        with _timed(run, f"loading the shop into {server.folder}", 1) as advance:
            shop.load(server, advance)
        app_url = server.url(shop.DATABASE, shop.ROLE)
        shop.leave_open(app_url)
        run.say(f"letting the shop's applications use it for {seconds} s")
        with run.postgres(kept.profile_of(server)) as session:
            with shop.driven(app_url, seconds, server.folder):
                observed = list(tour.while_driven(session, seconds - 2, run.wait))
            shown = list(tour.afterwards(session, run.wait))
            shown[1:1] = observed
        left = kept.remember(server) if keep else None
    final = summary(shown, COMMANDS)
    if left is not None:
        final = replace(final, tables=(*final.tables, state(left)))
    return shown, replace(final, notes=next_steps(left, seconds))


def _drive(run: Run, seconds: int) -> Report:
    from dbtune.demo import kept, shop
    from dbtune.demo.report import state
    from dbtune.errors import UsageError

    found = kept.find()
    if found is None or not found.running:
        raise UsageError("no demo is running; start one with: dbtune demo --keep")
    with shop.driven(found.app_url, seconds, Path(found.folder)):
        run.wait(seconds, "letting the shop's applications work")
    note = f"the shop's applications used it for {seconds} s"
    return Report("demo", (state(found),), notes=(note,))


def _status() -> Report:
    from dbtune.demo import kept
    from dbtune.demo.report import next_steps, state

    found = kept.find()
    if found is None:
        return Report("demo", (state(None),), notes=("start one with: dbtune demo --keep",))
    if not found.running:
        note = "it ended without being stopped; dbtune demo stop removes what is left"
        return Report("demo", (state(found),), notes=(note,))
    return Report("demo", (state(found),), notes=next_steps(found))


def _stop() -> Report:
    from dbtune.demo import kept
    from dbtune.demo.report import state

    found = kept.find()
    if found is None:
        return Report("demo", (state(None),), notes=("no demo was running",))
    kept.forget(found)
    note = f"stopped; {found.folder} and the profile {kept.PROFILE} are removed"
    return Report("demo", (state(None),), notes=(note,))


def _emit(shown: list[Shown], final: Report, out: Output) -> None:
    """One report after another for people; for programs one document that holds them all."""
    from dbtune.cli.output import format_of, style, write_file
    from dbtune.demo.report import on_one_page, without_reports
    from dbtune.render import render

    look = style(out, sys.stdout, to_file=out.path is not None)
    name = format_of(out)
    parts = []
    if name in (Format.table, Format.markdown):
        for command, report in shown:
            if name == Format.table:
                heading = f"$ {command}"
                parts.append(f"\x1b[1m{heading}\x1b[0m" if look.color else heading)
            parts.append(render(report, name, look).strip("\n") + "\n")
        final = without_reports(final)
    elif name == Format.html:
        final = on_one_page(shown, final)
    text = "\n".join([*parts, render(final, name, look).strip("\n")]) + "\n"
    if out.path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_file(out.path, text, force=out.force)
        Run(quiet=out.quiet).say(f"written to {out.path}")


@contextmanager
def _timed(run: Run, description: str, total: float) -> Iterator[Callable[[float], None]]:
    started = time.monotonic()
    with run.progress(description, total) as advance:
        yield advance
    run.say(f"{description}: done in {time.monotonic() - started:.1f} s")
