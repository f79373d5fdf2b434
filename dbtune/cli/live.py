"""A report on the terminal that changes: one picture in place of the one before."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dbtune.report import Report

if TYPE_CHECKING:
    from rich.text import Text

    from dbtune.cli.activity import Watch
    from dbtune.cli.command import Run

_HELD = "held; space goes on, q quits"
_RUNNING = "q quits, space holds"


def show(run: Run, watch: Watch, every: float, seconds: float) -> Report:
    """Show look after look until time is over or somebody quits; the last one is returned.

    Args:
        run: the run, for its output's style.
        watch: what looks.
        every: seconds between two looks.
        seconds: how long; 0 is until ``q``.
    """
    from rich.console import Console
    from rich.live import Live

    from dbtune.cli.activity import passing

    end = time.monotonic() + seconds if seconds else None
    report = watch.look()
    console = Console(highlight=False, markup=False, emoji=False)
    with (
        _keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        held = False
        while True:
            live.update(_picture(run, report, _HELD if held else _RUNNING, every), refresh=True)
            left = every if end is None else min(every, end - time.monotonic())
            key = ""

            def stop(pause: float) -> bool:
                nonlocal key
                key = pressed(pause)
                return key in ("q", "Q", " ")

            if passing(watch, max(left, 0.0), stop) and key != " ":
                return report
            held ^= key == " "
            if not held and key != " ":
                report = watch.look()
            if end is not None and time.monotonic() >= end:
                return report


def _picture(run: Run, report: Report, hint: str, every: float) -> Text:
    from rich.text import Text

    from dbtune.cli.output import style
    from dbtune.render.table import render

    assert run.output is not None
    rows = shutil.get_terminal_size().lines
    lines = render(report, style(run.output, sys.stdout)).rstrip("\n").split("\n")
    at = report.collected_at.astimezone().strftime("%H:%M:%S") if report.collected_at else ""
    lines[0] = f"{at}, every {every:g} s; {hint}   {lines[0]}"
    if len(lines) > rows - 1:
        lines = [*lines[: rows - 2], f"... {len(lines) - rows + 2} more lines (--limit)"]
    return Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop")


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """A function that waits for a key for so many seconds; "" if none was hit."""

    def sleep(seconds: float) -> str:
        time.sleep(seconds)
        return ""

    try:
        import select
        import termios
        import tty

        there = sys.stdin is not None and sys.stdin.isatty()
    except ImportError:  # no terminal of this kind: Windows
        there = False
    if not there:
        yield sleep
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def wait(seconds: float) -> str:
        ready, _, _ = select.select([number], [], [], seconds)
        return sys.stdin.read(1) if ready else ""

    try:
        tty.setcbreak(number)
        yield wait
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
