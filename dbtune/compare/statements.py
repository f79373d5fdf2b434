"""Statements of two periods side by side, and what they say of the workload as a whole."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from dbtune.compare.model import StatementChange, Workload
from dbtune.compare.noise import (
    ALPHA,
    MIN_CALLS,
    MIN_RATIO,
    Item,
    Sample,
    Verdict,
    fisher_index,
    shift,
    weighted_median,
)
from dbtune.statements import Statement

SAME_WORK_RATIO = 2.0
"""Time alone is believed from this ratio on: below it, load of the machine does as much."""
WORK_RATIO = 1.5
"""From this ratio on a call asks for more blocks, or fewer: caches and load do not change that."""
WORK_BLOCKS = 10.0
"""... if it is at least so many blocks by which it differs."""


def align(
    before: Mapping[str, Statement], after: Mapping[str, Statement], *, spread: float | None = None
) -> tuple[StatementChange, ...]:
    """Statements of both periods by their key; those with the most time come first.

    Args:
        before, after: what ran in each period.
        spread: taken for the standard deviation, as a multiple of the mean, where the source does
            not tell; ``None`` leaves such statements unjudged.

    The chance of a false alarm is shared out over all of them (Bonferroni), and what all
    statements that do the same work have in common is taken for load of the machine.
    """
    both = [key for key in before if key in after]
    changes = [_pair(before[key], after[key], spread) for key in both]
    drift = _drift(changes) or 1.0
    alpha = ALPHA / max(1, len(changes))
    found = [_judged(one, drift, alpha) for one in changes]
    found += [StatementChange("gone", one, None) for key, one in before.items() if key not in after]
    found += [StatementChange("new", None, one) for key, one in after.items() if key not in before]
    return tuple(sorted(found, key=lambda one: (-one.total_ms, one.statement.text)))


def workload_of(changes: Iterable[StatementChange]) -> Workload:
    """What the statements that ran in both periods say together."""
    changes = [one for one in changes if not one.statement.nested]
    common = [
        one
        for one in changes
        if one.before and one.after and min(one.before.calls, one.after.calls) >= MIN_CALLS
    ]

    def index(of: Callable[[Statement], float | None]) -> float | None:
        items = []
        for one in common:
            assert one.before
            assert one.after
            costs = of(one.before), of(one.after)
            if costs[0] is None or costs[1] is None:
                return None
            calls = one.before.calls, one.after.calls
            items.append(Item(costs[0] / calls[0], costs[1] / calls[1], *calls))
        return fisher_index(items)

    return Workload(
        time=index(lambda one: one.total_ms),
        work=index(lambda one: one.blocks),
        reads=index(lambda one: one.read_bytes),
        drift=_drift(common),
        covered_ratio=max(
            _share([one.before for one in common], [one.before for one in changes]),
            _share([one.after for one in common], [one.after for one in changes]),
        ),
        statements=len(common),
        calls=min(
            math.fsum(one.before.calls for one in common if one.before),
            math.fsum(one.after.calls for one in common if one.after),
        ),
    )


def _share(part: Iterable[Statement | None], whole: Iterable[Statement | None]) -> float:
    total = math.fsum(one.total_ms for one in whole if one)
    return math.fsum(one.total_ms for one in part if one) / total if total else 0.0


def _pair(before: Statement, after: Statement, spread: float | None) -> StatementChange:
    samples = [_sample(one, spread) for one in (before, after)]
    return StatementChange(
        "both",
        before,
        after,
        shift(*samples),
        rows=_ratio(per_call(before, before.rows), per_call(after, after.rows)),
        work_verdict=_work(before, after),
    )


def _sample(one: Statement, spread: float | None) -> Sample:
    stddev = one.stddev_ms
    if stddev is None and spread is not None:
        stddev = spread * one.mean_ms
    return Sample(one.calls, one.mean_ms, stddev)


def per_call(one: Statement, count: float | None) -> float | None:
    """A counter of all calls, of one call."""
    return None if count is None or not one.calls else count / one.calls


def _ratio(before: float | None, after: float | None) -> float | None:
    return None if not before or not after else after / before


def _work(before: Statement, after: Statement) -> Verdict | None:
    """Whether a call asks for more blocks than the rows explain."""
    old, new = per_call(before, before.blocks), per_call(after, after.blocks)
    if old is None or new is None:
        return None
    if min(before.calls, after.calls) < MIN_CALLS:
        return Verdict.unknown
    rows = [max(per_call(one, one.rows) or 0, 1.0) for one in (before, after)]
    # More rows of the same statement may well cost more blocks: that is no other plan.
    grown = rows[1] / rows[0]
    expected_low, expected_high = old * min(grown, 1.0), old * max(grown, 1.0)
    if new - old >= WORK_BLOCKS and new >= WORK_RATIO * expected_high:
        return Verdict.worse
    if old - new >= WORK_BLOCKS and new * WORK_RATIO <= expected_low:
        return Verdict.better
    return Verdict.same


def _drift(changes: Iterable[StatementChange]) -> float | None:
    """By which ratio statements whose work is the same became slower, by weight of their time."""
    logs = [
        (math.log(one.shift.ratio), math.sqrt(one.before.total_ms * one.after.total_ms))
        for one in changes
        if one.before
        and one.after
        and one.shift.ratio
        and one.work_verdict in (Verdict.same, None)
        and min(one.before.calls, one.after.calls) >= MIN_CALLS
    ]
    if len(logs) < 3:  # of one or two statements it can't be told what all have in common
        return None
    middle = weighted_median(logs)
    return None if middle is None else math.exp(middle)


def _judged(one: StatementChange, drift: float, alpha: float) -> StatementChange:
    """With the others' drift taken out, a change for the same work has to be a large one."""
    ratio = one.shift.ratio
    if ratio is None:
        return replace(one, verdict=Verdict.unknown)
    own = ratio / drift
    seen = one.shift.verdict(alpha=alpha)
    if one.work_verdict not in (Verdict.better, Verdict.worse) and seen.mirrored is not seen:
        larger = own if seen is Verdict.worse else 1 / own
        if larger < SAME_WORK_RATIO:
            seen = Verdict.same if larger < MIN_RATIO else Verdict.unknown
    return replace(one, verdict=seen, own_ratio=own)


def mentions(statement: str, tables: Iterable[str]) -> bool:
    """Whether a statement names one of these tables, ``schema.table`` or ``table``."""
    names = "|".join(re.escape(one.rpartition(".")[2]) for one in sorted(tables))
    return bool(names) and bool(
        re.search(rf"(?<![\w$])(?:{names})(?![\w$])", statement, re.IGNORECASE)
    )
