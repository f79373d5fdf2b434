"""What a log says, in bounded memory whatever its size; digests of parts can be added up."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbtune.postgres.logs.events import Events
from dbtune.postgres.logs.samples import Samples
from dbtune.postgres.logs.statement import Logged
from dbtune.postgres.logs.tally import Sum, Top, merge, trim

MOST_STATEMENTS = 10_000
"""Statements that are told apart; of more, those with the least time are only counted."""
_MOST_EXAMPLES = 5


@dataclass(slots=True)
class Seen:
    """What was read.

    Attributes:
        first, last: times of the first and the last record, as the log writes them.
        records: records of any kind.
        skipped_lines: lines that are no part of any record.
        examples: some of those, cut and masked.
        formats: records by format and prefix.
        damaged: files that could not be read to their end, and why.
    """

    bytes: int = 0
    records: int = 0
    skipped_lines: int = 0
    examples: list[str] = field(default_factory=list)
    first: str = ""
    last: str = ""
    formats: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def merge(self, other: Seen) -> None:
        """Add what was read of another part."""
        for name in ("bytes", "records", "skipped_lines", "formats", "damaged"):
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))
        self.examples = [*self.examples, *other.examples][:_MOST_EXAMPLES]
        self.first = min([one.first for one in (self, other) if one.first], default="")
        self.last = max(self.last, other.last)

    def skip(self, line: str) -> None:
        """Count a line that is no record."""
        self.skipped_lines += 1
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(line)


@dataclass(slots=True)
class Digest:
    """What a log, or a part of it, says.

    Attributes:
        statements: by fingerprint, those whose duration was logged.
        plans: likewise, those that auto_explain logged.
        slowest: single executions; ``slowest_plans``: those of auto_explain.
        left_out: executions of statements that are not told apart, and their time.
        samples: executions with their constants, by fingerprint, if they are asked for.
    """

    seen: Seen = field(default_factory=Seen)
    statements: dict[str, Logged] = field(default_factory=dict)
    plans: dict[str, Logged] = field(default_factory=dict)
    slowest: Top = field(default_factory=Top)
    slowest_plans: Top = field(default_factory=Top)
    left_out: Sum = field(default_factory=Sum)
    samples: dict[str, Samples] = field(default_factory=dict)
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

    def bound(self, slack: int = 1) -> bool:
        """Leave out what is too much to keep, the lightest first; whether there was any."""
        any_left = False
        for statements in (self.statements, self.plans):
            if len(statements) > MOST_STATEMENTS * slack:
                before = sum(one.calls for one in statements.values())
                spent = sum(one.total_ms for one in statements.values())
                trim(statements, MOST_STATEMENTS, _weight)
                before -= sum(one.calls for one in statements.values())
                spent -= sum(one.total_ms for one in statements.values())
                self.left_out.add(spent, before)
                any_left = True
        if any_left:
            for key in self.samples.keys() - self.statements.keys() - self.plans.keys():
                del self.samples[key]
        return any_left


def _weight(one: Logged) -> float:
    return one.total_ms + one.plan_ms
