"""dbtune for programs that stay connected: assistants (MCP) and monitoring (HTTP).

Both ask for a subcommand's report through a function that the command line gives them, so that they
have its options, guards and limits, and no analysis of their own.
"""

from __future__ import annotations

from typing import Protocol

from dbtune.report import Report


class Ask(Protocol):
    """Runs a subcommand with arguments, and returns its report."""

    def __call__(self, name: str, *arguments: str) -> Report:
        """The report of ``dbtune NAME ARGUMENTS...``.

        Raises:
            DbtuneError: the command failed.
        """
