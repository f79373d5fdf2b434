"""What can go wrong, and the exit code that says so.

Every error that a user can cause or meet is a :class:`DbtuneError` whose text is one sentence: what
was wrong and what to do about it. The command line prints it on stderr and leaves with the class's
exit code; anything else that is raised is a bug in dbtune (exit code 70).
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every dbtune command."""

    OK = 0
    """Nothing at or above ``--fail-on``."""
    FINDINGS = 1
    """At least one finding at or above ``--fail-on``."""
    USAGE = 2
    """Wrong usage, input or configuration."""
    UNREACHABLE = 3
    """Could not connect, authenticate, or a time limit passed."""
    INCOMPLETE = 4
    """Something was skipped, and ``--strict`` was given; or what was to be changed was not."""
    BUG = 70
    """A bug in dbtune."""
    INTERRUPTED = 130
    """Ctrl-C."""


class DbtuneError(Exception):
    """An error with a sentence for the user."""

    exit_code = Exit.BUG


class UsageError(DbtuneError):
    """Options, input files or configuration that dbtune cannot work with."""

    exit_code = Exit.USAGE


class AdminConsole(UsageError):
    """The target is PgBouncer's admin console, and what was asked for needs a server."""


class TargetError(DbtuneError):
    """The target could not be reached, refused the login, or did not answer in time."""

    exit_code = Exit.UNREACHABLE


class Unavailable(Exception):
    """A fact that this role, server or version cannot give.

    It is not a failure: the report lists it under *skipped*.

    Attributes:
        reason: why the fact is missing, one sentence.
        remedy: the statement or setting that would make it available, or "".
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class WrongEncoding(Unavailable):
    """Text of another database has characters that the encoding of this one can't hold."""


class OutOfTime(Unavailable):
    """A time limit passed, of the statement or of a lock: asking for less at once may work."""
