"""INFO commandstats: calls and time of each command since the server started, without keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtune.statements import Statement

if TYPE_CHECKING:
    from dbtune.redis.session import Session


@dataclass(frozen=True, slots=True)
class Total:
    """What one command has added up to.

    Attributes:
        calls: executions.
        us: execution time in microseconds.
    """

    calls: int
    us: int


def read_totals(session: Session) -> dict[str, Total]:
    """Totals by command.

    Raises:
        Unavailable: this user may not read INFO.
        TargetError: the connection broke.
    """
    return totals_in(session.read_info("commandstats"))


def totals_in(fields: Mapping[str, str]) -> dict[str, Total]:
    """Totals by command, of INFO's fields."""
    totals: dict[str, Total] = {}
    for field, text in fields.items():
        pairs = (pair.partition("=") for pair in text.split(","))
        values = {key: value for key, _, value in pairs}
        calls, us = values.get("calls", ""), values.get("usec", "")
        if field.startswith("cmdstat_") and calls.isdecimal() and us.isdecimal():
            name = field.removeprefix("cmdstat_").replace("|", " ").upper()
            totals[name] = Total(int(calls), int(us))
    return totals


def statements_between(
    first: Mapping[str, Total],
    second: Mapping[str, Total],
    sent: Mapping[str, int] | None = None,
) -> list[Statement]:
    """What was run between two readings; after a reset, since the reset.

    Args:
        first, second: totals by command.
        sent: what dbtune itself sent between them, which is left out at the mean time of its kind.
    """
    found = []
    for name, new in second.items():
        old = first.get(name, Total(0, 0))
        if new.calls < old.calls:
            old = Total(0, 0)
        whole, ms = new.calls - old.calls, (new.us - old.us) / 1000
        calls = whole - (sent or {}).get(name, 0)
        if calls > 0:
            ms *= calls / whole
            found.append(Statement(text=name, calls=calls, total_ms=ms, mean_ms=ms / calls))
    return found
