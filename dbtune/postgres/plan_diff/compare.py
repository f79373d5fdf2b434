"""Two plans side by side: the fact ``comparison`` of the checks in :mod:`.checks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dbtune.finding import Finding
from dbtune.postgres.plan_diff.access import Access, accesses
from dbtune.postgres.plan_diff.align import Pair, align, join_order, shape
from dbtune.postgres.plan_diff.measures import Measure, measures, timed
from dbtune.postgres.plans.model import Plan


class TableChange(NamedTuple):
    """How a table was read, and how it is read now; ``None`` if it is not."""

    before: Access | None
    after: Access | None

    @property
    def alias(self) -> str:
        """The alias, of both the one after."""
        return (self.after or self.before or _NOTHING).alias

    @property
    def table(self) -> str:
        """The table, of both the one after."""
        return (self.after or self.before or _NOTHING).table

    @property
    def lost(self) -> tuple[str, ...]:
        """Indexes that are not used any more."""
        return _without(self.before, self.after)

    @property
    def gained(self) -> tuple[str, ...]:
        """Indexes that were not used before."""
        return _without(self.after, self.before)

    @property
    def time(self) -> Measure:
        """Its own time."""
        left = self.before.self_ms if self.before else None
        right = self.after.self_ms if self.after else None
        error = sum(one.error_ms for one in self if one)
        return timed("time", left, right, error)

    @property
    def text(self) -> str:
        """What changed, in words; "" if nothing did."""
        if self.before is None:
            return "is read now"
        if self.after is None:
            return "is not read any more"
        words = []
        if self.before.types != self.after.types:
            words.append(f"{' and '.join(self.before.types)} → {' and '.join(self.after.types)}")
        words += [f"index lost: {name}" for name in self.lost]
        words += [f"index gained: {name}" for name in self.gained]
        return "; ".join(words)


_NOTHING = Access("", "", (), (), (), None, None, None, 0, None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans and what differs.

    Attributes:
        pairs: every node of both, aligned.
        tables: how each table is read.
        measures: what they took, by name.
        settings: those that differ, with both values; ``None`` is the server's default.
        fixed: findings that only the plan before has. ``new``: only the plan after.
    """

    before: Plan
    after: Plan
    pairs: tuple[Pair, ...]
    tables: tuple[TableChange, ...]
    measures: dict[str, Measure]
    settings: dict[str, tuple[str | None, str | None]]
    fixed: tuple[Finding, ...] = ()
    new: tuple[Finding, ...] = ()

    @property
    def same_shape(self) -> bool:
        """Whether both are the same plan but for numbers."""
        return shape(self.before) == shape(self.after)

    @property
    def joins(self) -> tuple[str, str]:
        """Order and methods of the joins of both."""
        return join_order(self.before), join_order(self.after)


def compare(
    before: Plan,
    after: Plan,
    findings_before: Sequence[Finding] = (),
    findings_after: Sequence[Finding] = (),
) -> Comparison:
    """Put two plans side by side; findings are told apart by rule and subject.

    Where the plans do not tell as much, what only one of them shows is neither fixed nor new.
    """
    if unlike(before, after):
        findings_before = findings_after = ()
    left = {finding.fingerprint for finding in findings_before}
    right = {finding.fingerprint for finding in findings_after}
    return Comparison(
        before,
        after,
        tuple(align(before, after)),
        tuple(_tables(before, after)),
        {one.name: one for one in measures(before, after)},
        {
            name: (before.settings.get(name), after.settings.get(name))
            for name in sorted({*before.settings, *after.settings})
            if before.settings.get(name) != after.settings.get(name)
        },
        tuple(one for one in findings_before if one.fingerprint not in right),
        tuple(one for one in findings_after if one.fingerprint not in left),
    )


def unlike(before: Plan, after: Plan) -> str:
    """What one plan tells and the other does not, so that findings can't be compared; or ""."""
    if before.truncated or after.truncated:
        return "a plan is cut off"
    if before.analyzed != after.analyzed:
        return "only one of the plans was executed"
    if before.timing != after.timing:
        return "only one of the plans has times"
    return "only one of the plans has blocks" if before.buffers != after.buffers else ""


def _tables(before: Plan, after: Plan) -> list[TableChange]:
    """Tables by alias, and what is left over by the table's name."""
    left, right = accesses(before), accesses(after)
    pairs: dict[str, Access | None] = {}
    for alias, access in left.items():
        same = right.get(alias)
        pairs[alias] = right.pop(alias) if same is not None and _alike(access, same) else None
    for alias, access in left.items():
        if pairs[alias] is None:
            other = next((key for key, one in right.items() if _alike(access, one)), None)
            pairs[alias] = None if other is None else right.pop(other)
    found = [TableChange(access, pairs[alias]) for alias, access in left.items()]
    return found + [TableChange(None, access) for access in right.values()]


def _alike(one: Access, other: Access) -> bool:
    """Whether both read the same table, or partitions of one that are called the same."""
    if _relations(one) & _relations(other):
        return True
    return one.alias == other.alias and one.is_family and other.is_family


def _relations(access: Access) -> set[str]:
    return {node.relation for node in access.nodes if node.relation}


def _without(one: Access | None, other: Access | None) -> tuple[str, ...]:
    if one is None or other is None:
        return ()
    return tuple(name for name in one.indexes if name not in other.indexes)
