"""One file per check on slow commands; the file is the registration."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.finding import Evidence
from dbtune.redis.slowlog import SlowCommand
from dbtune.text import ms_text, plain, plural, shorten

SLOW_MS = 10.0
"""Redis' own default for slow: meanwhile all other clients wait."""


def subject(command: SlowCommand) -> str:
    """A command as the subject of a finding: its pattern, no number in it."""
    return shorten(plain(command.statement.text), 300)


def time_share(command: SlowCommand, commands: Sequence[SlowCommand]) -> float:
    """Share of the time of all entries of SLOWLOG."""
    total = sum(one.statement.total_ms for one in commands if not one.statement.nested)
    return command.statement.total_ms / total if total else 0.0


def times_text(command: SlowCommand) -> str:
    """How often and how long: ``3 times, up to 45 ms``."""
    one = command.statement
    return f"{plural(round(one.calls), 'time')}, up to {ms_text(one.max_ms or 0)}"


def times(command: SlowCommand, commands: Sequence[SlowCommand]) -> dict[str, Evidence]:
    """The evidence that every finding on a command has."""
    one = command.statement
    return {
        "calls": round(one.calls),
        "mean_ms": one.mean_ms,
        "max_ms": one.max_ms,
        "time_share_ratio": time_share(command, commands),
        "clients": plain(", ".join(command.clients)),
    }
