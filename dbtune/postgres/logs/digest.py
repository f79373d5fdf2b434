"""What a log says, in bounded memory whatever its size; digests of parts can be added up."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbtune.logs.seen import Seen
from dbtune.logs.tally import Sum, Top, merge, trim
from dbtune.postgres.logs.events import Events
from dbtune.postgres.logs.samples import Samples
from dbtune.postgres.logs.statement import Logged

MOST_STATEMENTS = 10_000
"""Statements that are told apart; of more, those with the least time are only counted."""
_MOST_HOURS = 10_000
"""More than a year."""
_MOST_TEXT = 12_000_000
"""Characters of all statements together."""
_MOST_CELLS = 300_000
"""Sums by hour, user, database, application and host of all statements together; of more, the
lightest statements' are put together."""


@dataclass(slots=True)
class Digest:
    """What a log, or a part of it, says.

    Attributes:
        statements: by fingerprint, those whose duration was logged.
        plans: likewise, those that auto_explain logged.
        slowest: single executions; ``slowest_plans``: those of auto_explain.
        left_out: executions of statements that are not told apart, and their time.
        samples: executions with their constants, by fingerprint, if they are asked for.
        hours, plan_hours: executions by hour, of all statements and of all plans.
    """

    seen: Seen = field(default_factory=Seen)
    statements: dict[str, Logged] = field(default_factory=dict)
    plans: dict[str, Logged] = field(default_factory=dict)
    slowest: Top = field(default_factory=Top)
    slowest_plans: Top = field(default_factory=Top)
    left_out: Sum = field(default_factory=Sum)
    samples: dict[str, Samples] = field(default_factory=dict)
    hours: dict[str, Sum] = field(default_factory=dict)
    plan_hours: dict[str, Sum] = field(default_factory=dict)
    events: Events = field(default_factory=Events)

    def merge(self, other: Digest) -> None:
        """Add the digest of another part of the log."""
        for name in self.__dataclass_fields__:
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))
        self.bound(2)

    @property
    def has_durations(self) -> bool:
        """Whether durations of statements were logged, not only auto_explain's plans."""
        return any(one.calls for one in self.statements.values())

    def settle(self) -> None:
        """Put together what began in one part of the log and ended in another."""
        self.events.lock_waits.settle()
        self.bound()

    def bound(
        self, slack: int = 1, statements: int = MOST_STATEMENTS, cells: int = _MOST_CELLS
    ) -> bool:
        """Leave out what is too much to keep, the lightest first; whether statements were left out.

        Args:
            slack: how many times the limits are still borne.
            statements: statements that are kept.
            cells: sums by hour, user and so on that are kept, of all statements together.
        """
        any_left = False
        for found in (self.statements, self.plans):
            while most := _too_many(found, statements, slack):
                before = sum(one.calls for one in found.values())
                spent = sum(one.total_ms for one in found.values())
                trim(found, most, _weight)
                before -= sum(one.calls for one in found.values())
                spent -= sum(one.total_ms for one in found.values())
                self.left_out.add(spent, before)
                any_left = True
            if sum(one.cells for one in found.values()) > cells * slack:
                _fold(found, cells)
        if any_left:
            for key in self.samples.keys() - self.statements.keys() - self.plans.keys():
                del self.samples[key]
        for hours in (self.hours, self.plan_hours, self.events.connections.hours):
            for hour in sorted(hours)[: max(0, len(hours) - _MOST_HOURS)]:
                del hours[hour]
        return any_left


def _too_many(found: dict[str, Logged], statements: int, slack: int) -> int:
    """How many statements to keep if there are too many, or their texts too long; else 0."""
    if len(found) > statements * slack:
        return statements
    if len(found) > 1 and sum(len(one.text) for one in found.values()) > _MOST_TEXT * slack:
        return len(found) // 2
    return 0


def _fold(statements: dict[str, Logged], cells: int) -> None:
    """Give up the lightest statements' sums by hour and by name."""
    for one in sorted(statements.values(), key=_weight, reverse=True):
        cells -= one.cells
        if cells < 0:
            one.fold()


def _weight(one: Logged) -> float:
    return one.total_ms + one.planning_ms
