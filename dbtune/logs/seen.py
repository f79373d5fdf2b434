"""What of logs was read, and what was not."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbtune.logs.tally import merge

_MOST_EXAMPLES = 5
_MOST_DAMAGED = 50


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
        foreign: records in another language than English, as far as that is noticed.
        ends: of compressed files, how many bytes they have uncompressed.
    """

    bytes: int = 0
    records: int = 0
    skipped_lines: int = 0
    examples: list[str] = field(default_factory=list)
    first: str = ""
    last: str = ""
    formats: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    foreign: int = 0

    def merge(self, other: Seen) -> None:
        """Add what was read of another part."""
        for name in ("bytes", "records", "skipped_lines", "formats", "damaged", "ends", "foreign"):
            setattr(self, name, merge(getattr(self, name), getattr(other, name)))
        del self.damaged[_MOST_DAMAGED:]
        self.examples = [*self.examples, *other.examples][:_MOST_EXAMPLES]
        self.first = min([one.first for one in (self, other) if one.first], default="")
        self.last = max(self.last, other.last)

    def damage(self, what: str) -> None:
        """Note that a file could not be read to its end."""
        if len(self.damaged) < _MOST_DAMAGED:
            self.damaged.append(what)

    def skip(self, line: str) -> None:
        """Count a line that is no record."""
        self.skipped_lines += 1
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(line)
