"""Snapshots compared: what changed, and whether it is better or worse. Pure functions of facts.

:func:`compare` is ``dbtune compare`` as a function; :func:`comparison` gives what it is made of to
whoever wants to lay it out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from dbtune.compare.health import Health, Thresholds, health
from dbtune.compare.held import Held, Span
from dbtune.compare.model import Comparison, Frame, Related, frame_of
from dbtune.compare.report import report
from dbtune.compare.verdict import Hypothesis, hypothesis
from dbtune.errors import UsageError
from dbtune.facts import Snapshot
from dbtune.finding import Finding, load_checks, run_checks
from dbtune.profile import PACKAGES, Engine, product_of
from dbtune.report import Report
from dbtune.text import ms_text, plain

CHECKS = "dbtune.compare.checks"
Relate = Callable[[Held, Held], Related]
NONE: Thresholds = MappingProxyType({})


class Outcome(NamedTuple):
    """A comparison and what was made of it.

    Attributes:
        comparison: the two periods side by side.
        findings: what is worse, by the comparison's own checks.
        health: findings of ``dbtune check`` on both periods.
        hypotheses: verdicts on notes.
    """

    comparison: Comparison
    findings: tuple[Finding, ...]
    health: Health
    hypotheses: tuple[Hypothesis, ...]


def compare(
    snapshots: Sequence[Snapshot], notes: Sequence[str] = (), thresholds: Thresholds = NONE
) -> Report:
    """What changed between two periods, bounded by two to four snapshots, earliest first.

    Args:
        snapshots: see :func:`~dbtune.compare.model.frame_of`.
        notes: what somebody did; each gets a verdict.
        thresholds: overrides by check name and threshold name.

    Raises:
        UsageError: they can't be compared, a file is damaged, or a threshold is wrong.
    """
    found = comparison(snapshots, notes, thresholds)
    examined = [one.name for one in load_checks(CHECKS)]
    made = report(found.comparison, found.health, found.findings, found.hypotheses, examined)
    last = snapshots[-1]
    return replace(made, target=last.target, collected_at=last.collected_at)


def comparison(
    snapshots: Sequence[Snapshot], notes: Sequence[str] = (), thresholds: Thresholds = NONE
) -> Outcome:
    """As :func:`compare`, not laid out."""
    engine = _engine(snapshots)
    package = import_module(f"{PACKAGES[engine]}.compare")
    held = [Held(one) for one in snapshots]
    _require_order(package.related, held)
    relation: Related = package.related(held[0], held[-1])
    if len(held) == 2:
        joined: Related = package.related(*held)
        frame = frame_of(snapshots, continues=joined.continues)
    else:
        frame = frame_of(snapshots, continues=True)
    by_snapshot = {id(one.snapshot): one for one in held}
    before, joins = _span(package.related, by_snapshot, frame.before_start, frame.before_end)
    after, joins_after = _span(package.related, by_snapshot, frame.after_start, frame.after_end)
    found: Comparison = package.compared(frame, before, after, relation)
    said = _period_notes(frame, found, relation, joins, joins_after)
    found = replace(found, notes=(*said, *found.notes))
    findings, _ = run_checks(load_checks(CHECKS), {"comparison": found}, _own(thresholds))
    return Outcome(
        found,
        tuple(findings),
        health(engine, before, after, thresholds),
        tuple(hypothesis(note, found) for note in notes),
    )


def _own(thresholds: Thresholds) -> Thresholds:
    return {name: given for name, given in thresholds.items() if name.startswith("compare.")}


def _engine(snapshots: Sequence[Snapshot]) -> Engine:
    if not 2 <= len(snapshots) <= 4:
        raise UsageError(
            f"compare takes two to four snapshots, not {len(snapshots)}: before and after, or "
            "start and end of each period"
        )
    first, *others = snapshots
    if first.engine == Engine.pgbouncer:
        raise UsageError(f"{first.name} is of PgBouncer, whose snapshots can't be compared")
    for one in others:
        if one.engine != first.engine:
            raise UsageError(
                f"{first.name} is of {product_of(first.engine)} and {one.name} of "
                f"{product_of(one.engine)}: only snapshots of one engine can be compared"
            )
    for place, one in enumerate(snapshots):
        for other in snapshots[place + 1 :]:
            if one.collected_at == other.collected_at and one.facts == other.facts:
                raise UsageError(
                    f"{one.name} and {other.name} are the same snapshot: there is nothing between "
                    "them to compare"
                )
    if first.engine not in list(Engine):
        raise UsageError(f"{first.name} is of {plain(first.engine)}, which this dbtune knows not")
    return Engine(first.engine)


def _require_order(related: Relate, held: Sequence[Held]) -> None:
    for one, other in pairwise(held):
        if one.snapshot.collected_at <= other.snapshot.collected_at:
            continue
        relation = related(one, other)
        if relation.continues or relation.restarted:
            late, early = one.snapshot, other.snapshot
            by = ms_text((late.collected_at - early.collected_at).total_seconds() * 1000)
            raise UsageError(
                f"{late.name} was taken {by} after {early.name}: name the earlier one first"
            )


def _span(
    related: Relate, held: dict[int, Held], start: Snapshot | None, end: Snapshot
) -> tuple[Span, Related | None]:
    """A period; where the second snapshot does not count on, it begins with its statistics."""
    if start is None:
        return Span(None, held[id(end)]), None
    relation = related(held[id(start)], held[id(end)])
    return Span(held[id(start)] if relation.continues else None, held[id(end)]), relation


def _period_notes(
    frame: Frame,
    found: Comparison,
    relation: Related,
    before: Related | None,
    after: Related | None,
) -> list[str]:
    notes = []
    if frame.before_start is None and frame.after_start is not None:
        notes.append(
            f"before is all that was counted until {frame.before_end.name}, after is what came "
            "between the two; with three snapshots (start, change, end) both are periods"
        )
    if frame.before_start is None and frame.after_start is None:
        why = f": {relation.why}" if relation.why else ""
        notes.append(
            f"the counters of {frame.after_end.name} do not go on where {frame.before_end.name} "
            f"stood{why}; each period is what its server counted since its statistics began"
        )
    for name, one in (("before", before), ("after", after)):
        if one is not None and not one.continues:
            notes.append(
                f"{name}: counters were lost between its two snapshots ({one.why}); the period is "
                "since statistics began anew"
            )
    lengths = [one.seconds for one in (found.before, found.after)]
    if lengths[0] and lengths[1] and max(lengths[0], lengths[1]) > 20 * min(lengths[0], lengths[1]):
        notes.append(
            f"the periods are of very different length ({ms_text(lengths[0] * 1000)} and "
            f"{ms_text(lengths[1] * 1000)}): nights, reports and caches weigh differently in them"
        )
    return notes
