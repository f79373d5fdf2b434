"""What a comparison says, of any engine: periods, numbers of both, and what changed between.

An engine's package ``compare`` makes a :class:`Comparison` of snapshots; checks judge it, and the
report lays it out. Nothing here reads a file or a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from dbtune.compare.noise import Shift, Verdict
from dbtune.facts import Snapshot
from dbtune.finding import Skipped
from dbtune.statements import Statement


class Related(NamedTuple):
    """How two snapshots belong together.

    Attributes:
        cluster: whether both are of one server or replica set; ``None`` if not known.
        continues: whether the second counts on where the first stood.
        restarted: whether the server was started in between.
        why: if it does not count on, why; "" if it does.
    """

    cluster: bool | None
    continues: bool
    restarted: bool = False
    why: str = ""


class Frame(NamedTuple):
    """Which snapshots bound the two periods.

    Attributes:
        before_start: where the period before begins; ``None`` for since statistics began.
        before_end: where it ends.
        after_start, after_end: likewise of the period after.
    """

    before_start: Snapshot | None
    before_end: Snapshot
    after_start: Snapshot | None
    after_end: Snapshot

    @property
    def first(self) -> Snapshot:
        """What stands (settings, indexes, sizes) is compared from here ..."""
        return self.before_start or self.before_end


@dataclass(frozen=True, slots=True)
class Period:
    """A time that counters are known for.

    Attributes:
        start: its begin; ``None`` if that is not known.
        end: its end.
        counted: ``between two snapshots``, ``since statistics began`` or ``in logs``.
    """

    start: datetime | None
    end: datetime
    counted: Literal["between two snapshots", "since statistics began", "in logs"]

    @property
    def seconds(self) -> float | None:
        """Its length."""
        return None if self.start is None else max((self.end - self.start).total_seconds(), 1e-3)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the whole server in both periods.

    Attributes:
        name: a stable name: ``cache_hit_ratio``.
        title: for people.
        kind: how it is shown, as a column's.
        before, after: the numbers; ``None`` if not known.
        better: which way is better; "" if neither is.
        least_ratio: a smaller change than this, either way, is called no difference.
        least: a smaller change than this, in the measure's unit, likewise.
        unjudged: why it is not judged, or "" if it is.
    """

    name: str
    title: str
    kind: Literal["int", "float", "ms", "bytes", "ratio", "seconds"]
    before: float | None
    after: float | None
    better: Literal["less", "more", ""] = ""
    least_ratio: float = 1.5
    least: float = 0.0
    unjudged: str = ""

    @property
    def ratio(self) -> float | None:
        """After to before."""
        if self.before is None or self.after is None or self.before <= 0 or self.after < 0:
            return None
        return self.after / self.before

    @property
    def verdict(self) -> Verdict | None:
        """``None`` for what is neither good nor bad."""
        if not self.better:
            return None
        if self.before is None or self.after is None:
            return Verdict.unknown
        if self.before == self.after:
            return Verdict.same
        if self.unjudged:
            return Verdict.unknown
        low, high = sorted((self.before, self.after))
        if high - low <= self.least or high < low * self.least_ratio:
            return Verdict.same
        grew = self.after > self.before
        return Verdict.worse if grew == (self.better == "less") else Verdict.better


SHORT_SECONDS = 30.0
"""In less time an event or two, and what a snapshot itself does, make a rate of any size."""


def short(*seconds: float | None) -> str:
    """Why rates of periods are not judged: one is too short; "" if none is.

    Args:
        seconds: their lengths; ``None`` for one that is not known.
    """
    known = [one for one in seconds if one is not None]
    return "a period of less than 30 s" if known and min(known) < SHORT_SECONDS else ""


_UNKNOWN = Shift(None)
StatementState = Literal["both", "new", "gone"]


@dataclass(frozen=True, slots=True)
class StatementChange:
    """A statement in both periods.

    Attributes:
        state: whether it ran in both, only after (``new``) or only before (``gone``).
        before, after: what it did in each.
        shift: of the mean execution time.
        verdict: of the time, other statements' drift taken out; ``None`` if it ran in one only.
        own_ratio: the time's ratio without that drift.
        rows: ratio of rows by a call; likewise.
        work_verdict: of the blocks, rows considered; ``None`` if not told.
    """

    state: StatementState
    before: Statement | None
    after: Statement | None
    shift: Shift = _UNKNOWN
    verdict: Verdict | None = None
    own_ratio: float | None = None
    rows: float | None = None
    work_verdict: Verdict | None = None

    @property
    def statement(self) -> Statement:
        """The later one that there is."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def total_ms(self) -> float:
        """Time of both periods, which ranks it."""
        return sum(one.total_ms for one in (self.before, self.after) if one)


@dataclass(frozen=True, slots=True)
class Workload:
    """The statements that ran in both periods, taken together.

    Attributes:
        time: how much longer the same calls take, as a ratio; ``None`` if not known.
        work: how many more blocks they ask for.
        reads: how many more blocks come from outside the server's cache.
        drift: the ratio by which statements that do the same work became slower.
        covered_ratio: share of a period's time that these statements have, of the two periods the
            larger: what ran once in one of them (a load, a dump) takes nothing from the other.
        statements: how many they are.
        calls: executions in the smaller of the two periods.
    """

    time: float | None = None
    work: float | None = None
    reads: float | None = None
    drift: float | None = None
    covered_ratio: float = 0.0
    statements: int = 0
    calls: float = 0


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting whose value, or what waits for a restart, differs.

    Attributes:
        name: its name.
        before, after: values with unit; ``None`` where the server does not have it.
        remark: ``waits for a restart``, or "".
    """

    name: str
    before: str | None
    after: str | None
    remark: str = ""


def setting_changes(
    before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> tuple[SettingChange, ...] | None:
    """What differs of two servers' settings; ``None`` if those of one are not known."""
    if before is None or after is None:
        return None
    return tuple(
        SettingChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


ObjectState = Literal[
    "new", "gone", "changed", "now invalid", "now valid", "now used", "no longer used", "grew",
    "shrank",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """A table or an index that came, went or changed.

    Attributes:
        kind: ``table``, ``index``, ``database`` ...
        name: with its schema.
        table: of an index, the table.
        state: what happened.
        before_bytes, after_bytes: sizes; ``None`` if not known or not there.
        before_scans, after_scans: of an index in each period; ``None`` if not told.
        before_rows, after_rows: of a table.
        definition: of an index, the present or the last one.
        remark: what else there is to say.
    """

    kind: str
    name: str
    state: ObjectState
    table: str = ""
    before_bytes: float | None = None
    after_bytes: float | None = None
    before_scans: float | None = None
    after_scans: float | None = None
    before_rows: float | None = None
    after_rows: float | None = None
    definition: str = ""
    remark: str = ""

    @property
    def growth_bytes(self) -> float:
        """How much larger it became."""
        return (self.after_bytes or 0) - (self.before_bytes or 0)


MISSED_SCANS = 20
"""An index that would have been searched so often at the rate before, and was not, is unused now:
by chance that happens once in e^20 times (Poisson)."""


def use_state(
    before: float | None, after: float | None, seconds: float | None, later: float | None
) -> ObjectState | None:
    """Whether an index is used now or no longer: the absence of searches can't be chance.

    A burst of load that is over is no chance either, so that nothing is said of short periods.

    Args:
        before, after: searches in each period; ``None`` if not told.
        seconds, later: length of the period before and of that after.
    """
    if before is None or after is None or not seconds or not later or short(seconds, later):
        return None
    if before == 0 and after * min(1.0, seconds / later) >= MISSED_SCANS:
        return "now used"
    if after == 0 and before * min(1.0, later / seconds) >= MISSED_SCANS:
        return "no longer used"
    return None


@dataclass(frozen=True, slots=True)
class WaitChange:
    """Sessions that waited for something at the end of each period, on average of the looks."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that an engine can tell of two periods.

    Attributes:
        before, after: the periods.
        same_server: whether both are of one server; ``None`` if that can't be told.
        measures: numbers of the whole server.
        statements: with the most time first.
        workload: those that ran in both periods, together.
        settings, indexes, relations, waits: what changed; ``None`` if it was not read.
        setting_names: every setting that there is, changed or not.
        skipped: what could not be compared, and why.
        notes: what has to be known to read the numbers.
        seconds: from the first snapshot to the last.
    """

    before: Period
    after: Period
    same_server: bool | None
    measures: tuple[Measure, ...] = ()
    statements: tuple[StatementChange, ...] | None = None
    workload: Workload = Workload()
    settings: tuple[SettingChange, ...] | None = None
    setting_names: frozenset[str] = frozenset()
    indexes: tuple[ObjectChange, ...] | None = None
    relations: tuple[ObjectChange, ...] | None = None
    waits: tuple[WaitChange, ...] | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def measure(self, name: str) -> Measure | None:
        """A measure by name."""
        return next((one for one in self.measures if one.name == name), None)


def frame_of(snapshots: Sequence[Snapshot], *, continues: bool) -> Frame:
    """The periods that two, three or four snapshots stand for, earliest first.

    Two: until the first, and from the first to the second if its counters go on, else until the
    second. Three: from the first to the second, from there to the third. Four: from the first to
    the second, from the third to the fourth.

    Args:
        snapshots: two to four.
        continues: whether the second goes on counting where the first stood.
    """
    if len(snapshots) == 2:
        first, second = snapshots
        return Frame(None, first, first if continues else None, second)
    if len(snapshots) == 3:
        first, second, third = snapshots
        return Frame(first, second, second, third)
    first, second, third, fourth = snapshots
    return Frame(first, second, third, fourth)
