"""A policy: what plans must not do, and who may until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import PurePath

from dbtune.finding import Finding


@dataclass(frozen=True, slots=True)
class Exemption:
    """Something forbidden that is let through for a while.

    Attributes:
        rule: the rule's name.
        plan: pattern of the plan's file name or path (``*``, ``?``).
        table: pattern of the table it is about, "" for any.
        reason: why.
        until: the last day on which it counts.
        line: where it stands in the policy file.
    """

    rule: str
    plan: str
    table: str
    reason: str
    until: date
    line: int

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is what it lets through, whatever the day."""
        names = (finding.file, PurePath(finding.file).name)
        if finding.rule != self.rule or not any(fnmatchcase(one, self.plan) for one in names):
            return False
        table = str(finding.evidence.get("table") or "")
        tables = (table, table.rpartition(".")[2])
        return not self.table or any(fnmatchcase(one, self.table) for one in tables)


@dataclass(frozen=True, slots=True)
class SeqScans:
    """Tables that must not be read as a whole; patterns, also with a schema.

    Attributes:
        tables: patterns of their names; ``*`` is every table.
        above_rows: up to so many rows it is allowed.
    """

    tables: tuple[str, ...]
    above_rows: float = 0

    def names(self, table: str) -> bool:
        """Whether a table is meant."""
        bare = table.rpartition(".")[2]
        return any(fnmatchcase(table, one) or fnmatchcase(bare, one) for one in self.tables)


@dataclass(frozen=True, slots=True)
class Policy:
    """What plans must not do; ``None`` and ``False`` forbid nothing.

    Attributes:
        near_empty_rows: a plan that deals with fewer rows than this everywhere tells nothing of
            what happens on real tables.
    """

    file: str = ""
    seq_scans: SeqScans | None = None
    spill: bool = False
    cartesian_join: bool = False
    index_lost: bool = False
    max_cost: float | None = None
    max_ms: float | None = None
    max_blocks: float | None = None
    near_empty_rows: float = 100
    exemptions: tuple[Exemption, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that it makes binding."""
        binding = {
            "plan.forbidden-seq-scan": self.seq_scans is not None,
            "plan.forbidden-spill": self.spill,
            "plan.forbidden-cartesian-join": self.cartesian_join,
            "plan.index-lost-since-baseline": self.index_lost,
            "plan.above-cost-limit": self.max_cost is not None,
            "plan.above-time-limit": self.max_ms is not None,
            "plan.above-block-limit": self.max_blocks is not None,
        }
        return tuple(name for name, is_binding in binding.items() if is_binding)


ALL_RULES = (
    "plan.forbidden-seq-scan",
    "plan.forbidden-spill",
    "plan.forbidden-cartesian-join",
    "plan.index-lost-since-baseline",
    "plan.above-cost-limit",
    "plan.above-time-limit",
    "plan.above-block-limit",
)
