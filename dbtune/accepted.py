"""A finding that somebody has looked at and lives with, as a profile says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.finding import Finding


@dataclass(frozen=True, slots=True)
class Accepted:
    """Findings that do not count, for a reason and for a time.

    Attributes:
        rule: name or pattern of rules.
        subject: pattern of subjects; ``*`` is any.
        reason: why.
        until: the last day on which it counts; ``None`` is for ever.
    """

    rule: str
    reason: str
    subject: str = "*"
    until: date | None = None

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is what it accepts, whatever the day."""
        return fnmatchcase(finding.rule, self.rule) and fnmatchcase(finding.subject, self.subject)
