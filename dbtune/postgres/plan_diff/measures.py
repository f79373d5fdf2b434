"""What two plans took, compared: equal as far as the printed digits and one execution can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dbtune.postgres.plan_diff.access import touched
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text, significant

NOISE_RATIO = 0.1
"""Two executions of the same plan differ by so much, so that a smaller difference says nothing."""
NOISE_MS = 0.1
"""And by so much, however short they are."""
_PRINTED_MS = 0.0005
"""Half of the last digit of a time."""
_PRINTED_COST = 0.005

Unit = Literal["ms", "blocks", "rows", "cost"]
Verdict = Literal["less", "more", "same", "unknown"]
_WORDS: dict[Unit, dict[Verdict, str]] = {
    "ms": {"less": "faster", "more": "slower"},
    "cost": {"less": "cheaper", "more": "dearer"},
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of both plans.

    Attributes:
        name: ``time``, ``planning``, ``blocks``, ``blocks_read``, ``temp_blocks``, ``rows``,
            ``cost``.
        before, after: ``None`` where a plan does not have it.
        error: how far the difference may be wrong by rounding.
        noise: how far two executions of one plan differ.
        reason: why it can't be compared, or "".
    """

    name: str
    unit: Unit
    before: float | None
    after: float | None
    error: float = 0
    noise: float = 0
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the plan after has less or more of it."""
        if self.before is None or self.after is None or self.reason:
            return "unknown"
        if abs(self.after - self.before) <= max(self.error, self.noise):
            return "same"
        return "less" if self.after < self.before else "more"

    @property
    def word(self) -> str:
        """The verdict in the measure's own word: ``faster``."""
        return _WORDS.get(self.unit, {}).get(self.verdict, self.verdict)

    @property
    def ratio(self) -> float | None:
        """After by before."""
        return self.after / self.before if self.before and self.after is not None else None

    @property
    def text(self) -> str:
        """The verdict with its numbers: ``faster: 120 ms → 3.00 ms, 40.0 times``."""
        if self.before is None and self.after is None:
            return f"unknown: {self.reason or 'neither plan tells'}"
        numbers = f"{self._shown(self.before)} → {self._shown(self.after)}"
        if self.verdict == "unknown":
            return f"unknown: {numbers}; {self.reason or 'one plan does not tell'}"
        if self.verdict == "same" or not self.before or not self.after:
            return f"{self.word}: {numbers}"
        factor = max(self.before / self.after, self.after / self.before)
        return f"{self.word}: {numbers}, {significant(factor)} times"

    def _shown(self, value: float | None) -> str:
        if value is None:
            return "?"
        return ms_text(value) if self.unit == "ms" else count_text(value)


def measures(before: Plan, after: Plan) -> Iterator[Measure]:
    """Everything about two plans that can be compared."""
    reason = "a plan is cut off" if before.truncated or after.truncated else ""
    left, right = _times(before, after)
    yield timed("time", left, right, 2 * _PRINTED_MS, reason)
    yield timed("planning", before.planning_ms, after.planning_ms, 2 * _PRINTED_MS)
    buffers = [plan.root.buffers if plan.buffers else None for plan in (before, after)]
    blocks = [touched(one) for one in buffers]
    yield Measure("blocks", "blocks", blocks[0], blocks[1], reason=reason)
    read = [None if one is None else one.shared_read + one.local_read for one in buffers]
    yield Measure("blocks_read", "blocks", read[0], read[1], reason=reason)
    temp = [None if one is None else one.temp_read + one.temp_written for one in buffers]
    yield Measure("temp_blocks", "blocks", temp[0], temp[1], reason=reason)
    yield _rows(before, after, reason)
    yield Measure(
        "cost",
        "cost",
        before.root.total_cost,
        after.root.total_cost,
        error=2 * _PRINTED_COST,
        reason=reason or incomparable_costs(before, after),
    )


def incomparable_costs(before: Plan, after: Plan) -> str:
    """Why the costs of two plans are not on one scale; "" if they are, as far as it shows."""
    if before.root.total_cost is None or after.root.total_cost is None:
        return "not both plans have costs"
    if before.settings != after.settings:
        return "the settings differ, and with them what a cost is"
    return ""


def _times(before: Plan, after: Plan) -> tuple[float | None, float | None]:
    """Times of the same thing: of the execution, else of the root, else what a log tells."""
    both = (before, after)
    candidates = (
        [plan.execution_ms for plan in both],
        [plan.root.inclusive_ms for plan in both],
        [plan.duration_ms for plan in both],
    )
    for left, right in candidates:
        if left is not None and right is not None:
            return left, right
    return before.total_ms, after.total_ms


def timed(
    name: str, before: float | None, after: float | None, error: float, reason: str = ""
) -> Measure:
    """Two times, with the noise of one execution each."""
    noise = max(NOISE_MS, NOISE_RATIO * max(before or 0, after or 0))
    return Measure(name, "ms", before, after, error, noise, reason)


def _rows(before: Plan, after: Plan, reason: str) -> Measure:
    if not (before.analyzed and after.analyzed):
        return Measure("rows", "rows", None, None, reason="not both were executed")
    error = sum(
        ((root.total_rows_max or 0) - (root.total_rows_min or 0)) / 2
        for root in (before.root, after.root)
    )
    return Measure(
        "rows", "rows", before.root.total_rows, after.root.total_rows, error, reason=reason
    )
