"""A subcommand's report for a program: the same options, checks and limits, and no output."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from typer.main import get_command

from dbtune.cli import COMMANDS, usage_text
from dbtune.errors import Exit, UsageError
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.profile import Profile


def target_options(profile: Profile) -> tuple[str, ...]:
    """The options that name a resolved target, for every command."""
    if profile.file is not None:
        return (f"--profile={profile.name}",)
    # libpq asks PGHOST and the like when a URL has nothing.
    return (f"--url={profile.url.reveal() or 'postgresql://'}",)


def ask(name: str, *arguments: str) -> Report:
    """What ``dbtune NAME ARGUMENTS...`` would print.

    Args:
        name: the subcommand.
        arguments: as on the command line; a value that comes from elsewhere belongs behind its
            option's ``=``, or behind ``--``, so that it is no option itself.

    Raises:
        DbtuneError: as the command would fail; wrong options are a :class:`UsageError`.
    """
    command = get_command(import_module(f"dbtune.cli.{COMMANDS[name][0]}").app)
    made: list[Report] = []
    path = f"dbtune {name}"
    try:
        command.main([*arguments], prog_name=path, standalone_mode=False, obj=made)
    except Exception as error:
        if getattr(error, "exit_code", None) == Exit.USAGE and hasattr(error, "format_message"):
            raise UsageError(usage_text(error)) from None
        raise
    return made[0]
