"""Options that all measurements share, and how a person is asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli.command import Run
from dbtune.errors import UsageError
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.postgres.bench.permission import Permission
    from dbtune.postgres.bench.pool import Surroundings
    from dbtune.profile import Profile

LOCK_SECONDS = 10.0

YES = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="LOADS the target: do not ask. (Nobody asks for the demo, and for profiles with the "
        "tag staging, test, dev or bench.)",
    ),
]
BUSY = Annotated[bool, typer.Option("--allow-busy", help="Even if others use the server just now.")]
ROUNDS = Annotated[
    int, typer.Option(min=1, max=100, help="How often everything is measured, interleaved.")
]


def permission(yes: bool, busy: bool) -> Permission:
    """What the person allowed by options, and how to ask for more."""
    from dbtune.postgres.bench.permission import Permission

    def ask(sentence: str) -> bool:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"{sentence} Nobody is there to be asked; give --yes to do it")
        return typer.confirm(f"{sentence}\nDo it?", err=True)

    return Permission(yes, busy, ask)


def surroundings(run: Run, profile: Profile, yes: bool, busy: bool) -> Surroundings:
    """What a measurement needs of the command line."""
    from dbtune.postgres.bench.pool import Surroundings

    return Surroundings(
        run.limits,
        permission(yes, busy),
        lambda: run.writer(profile, LOCK_SECONDS),
        run.wait,
        run.progress,
        run.say,
    )


def parse_numbers(text: str, option: str, most: int) -> tuple[int, ...]:
    """``4,8,16``: whole numbers from 1 to ``most``, each once, in order.

    Raises:
        UsageError: it is something else.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() and 1 <= int(word) <= most for word in words):
        raise UsageError(
            f"{plain(text)!r} is no list of numbers from 1 to {most:,}; write for example "
            f"{option} 4,8,16"
        )
    return tuple(sorted(set(map(int, words))))
