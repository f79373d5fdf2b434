"""Findings of ``dbtune check`` on both periods: new, fixed, remaining."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from dbtune.compare.held import Span
from dbtune.finding import Finding, Skipped
from dbtune.health.run import judge
from dbtune.profile import Engine
from dbtune.text import plural

Thresholds = Mapping[str, Mapping[str, object]]


class HealthChange(NamedTuple):
    """A finding and what became of it.

    Attributes:
        state: ``new``, ``fixed`` or ``remaining``; ``not known before`` or ``not known after`` if
            its check could not be made in that period.
        finding: as it is after, or was.
        before: the finding before, if there was one.
    """

    state: Literal["new", "fixed", "remaining", "not known before", "not known after"]
    finding: Finding
    before: Finding | None = None


class Health(NamedTuple):
    """What checks say of both periods."""

    changes: tuple[HealthChange, ...]
    skipped: tuple[Skipped, ...]
    examined: tuple[str, ...]


def health(engine: Engine, before: Span, after: Span, thresholds: Thresholds) -> Health:
    """Run the engine's checks on both periods.

    Raises:
        UsageError: a threshold that its check does not have.
    """
    old, lost, _ = judge(engine, before, thresholds)
    new, lacking, names = judge(engine, after, thresholds)
    changes = _changes(old, new, {one.what for one in lost}, {one.what for one in lacking})
    return Health(tuple(changes), _together(lacking), tuple(names))


def _together(skipped: Sequence[Skipped]) -> tuple[Skipped, ...]:
    """One line for all checks that could not be made: a comparison is about something else."""
    if not skipped:
        return ()
    reasons = list(dict.fromkeys(one.reason for one in skipped))
    more = f"; and {len(reasons) - 3} reasons more" if len(reasons) > 3 else ""
    return (
        Skipped(
            plural(len(skipped), "check") + " of dbtune check",
            "; ".join(reasons[:3]) + more,
            "dbtune check --from FILE  # says which, and what would make them possible",
        ),
    )


def _changes(
    old: Sequence[Finding], new: Sequence[Finding], lost: set[str], lacking: set[str]
) -> Iterator[HealthChange]:
    before = {one.fingerprint: one for one in old}
    seen = set()
    for one in new:
        seen.add(one.fingerprint)
        if one.fingerprint in before:
            yield HealthChange("remaining", one, before[one.fingerprint])
        else:
            yield HealthChange("not known before" if one.rule in lost else "new", one)
    for one in old:
        if one.fingerprint not in seen:
            yield HealthChange("not known after" if one.rule in lacking else "fixed", one, one)
