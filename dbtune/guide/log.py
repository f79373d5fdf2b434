"""The optimisation log: what was changed, what was hoped for, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from dbtune.compare.held import Held
from dbtune.guide.material import Change, Material
from dbtune.profile import PACKAGES, Engine
from dbtune.report import Column, Report, Row, Table

if TYPE_CHECKING:
    from dbtune.compare.health import Thresholds
    from dbtune.facts import Snapshot

LOG = Table(
    "optimisation_log",
    "Optimisation log",
    (
        Column("target", "target", "text", "Which target."),
        Column("hypothesis", "hypothesis", "text", "What was done, by --note; null without one."),
        Column("change", "change", "text", "What the snapshots show to be different."),
        Column("before", "before", "text", "Numbers of the period before."),
        Column("after", "after", "text", "The same after it."),
        Column("verdict", "verdict", "text", "better, worse, no difference or can't tell."),
        Column("sure", "how sure", "text", "high, medium or low."),
        Column("because", "because", "text", "What the verdict rests on."),
        Column("before_period", "period before", "text", "When that was.", 1),
        Column("after_period", "period after", "text", "When that was.", 1),
    ),
    empty="nothing to compare yet",
)
_NAMED = 4
_NUMBERS = 4


def by_target(snapshots: Sequence[Snapshot]) -> list[tuple[Snapshot, ...]]:
    """Snapshots of one server together, earliest first; servers in the order of the files."""
    groups: list[list[Snapshot]] = []
    for one in snapshots:
        mine = next((group for group in groups if same_target(group[0], one)), None)
        if mine is None:
            groups.append([one])
        else:
            mine.append(one)
    return [tuple(sorted(group, key=lambda one: one.collected_at)) for group in groups]


def same_target(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of one server and database, as far as they tell."""
    if one.engine != other.engine or one.target.get("database") != other.target.get("database"):
        return False
    package = import_module(f"{PACKAGES[Engine(one.engine)]}.compare")
    cluster: bool | None = package.related(Held(one), Held(other)).cluster
    return one.target.get("name") == other.target.get("name") if cluster is None else cluster


def changes(
    snapshots: Sequence[Snapshot], notes: Sequence[str], thresholds: Thresholds
) -> tuple[Change, ...]:
    """A comparison for each change.

    Two snapshots: what was counted until the first, beside what came between them. More: at each
    but the first and the last a change was made; the time since the one before stands beside the
    time until the one after.

    Args:
        snapshots: of one target, earliest first.
        notes: what was done: one for each change in its order, or else each is judged on all.
        thresholds: overrides by check name and threshold name.
    """
    from dbtune.compare import compare

    if len(snapshots) < 2:
        return ()
    windows = [snapshots[at : at + 3] for at in range(max(1, len(snapshots) - 2))]
    each = (
        [[note] for note in notes] if len(notes) == len(windows) else [list(notes)] * len(windows)
    )
    return tuple(
        Change(compare(window, said, thresholds), tuple(said))
        for window, said in zip(windows, each, strict=True)
    )


def rows(materials: Sequence[Material]) -> Iterator[Row]:
    """The log's lines."""
    for material in materials:
        for change in material.changes:
            for line in lines(change.comparison):
                yield {"target": material.name, **line}


def lines(report: Report) -> Iterator[Row]:
    """The entries of one comparison: one for each note."""
    by_name = {table.name: table for table in report.tables}
    verdict = by_name["verdict"].rows[0]
    numbers = list(_telling(by_name["measures"].rows))
    common = {
        "change": "; ".join(_changed(by_name)) or "nothing that a snapshot shows",
        "before": ", ".join(f"{one['title']} {one['before_text']}" for one in numbers) or None,
        "after": ", ".join(f"{one['title']} {one['after_text']}" for one in numbers) or None,
        "before_period": verdict["before"],
        "after_period": verdict["after"],
    }
    said = by_name["hypotheses"].rows if "hypotheses" in by_name else ()
    for one in said or (verdict,):
        because = [str(one[key]) for key in ("because", "but") if one.get(key)]
        yield {
            **common,
            "hypothesis": one.get("note"),
            "verdict": one["verdict"],
            "sure": one["sure"],
            "because": "; but ".join(because),
        }


def _telling(found: Sequence[Row]) -> Sequence[Row]:
    """Measures that changed for better or worse first, then the others that are not 0."""
    order = {"worse": 0, "better": 0}
    known = [one for one in found if one["before"] or one["after"]]
    return sorted(known, key=lambda one: order.get(str(one["verdict"]), 1))[:_NUMBERS]


def _changed(by_name: dict[str, Table]) -> Iterator[str]:
    settings = by_name["settings"].rows
    for one in settings[:_NAMED]:
        yield f"{one['setting']} {one['before']} → {one['after']}"
    if len(settings) > _NAMED:
        yield f"{len(settings) - _NAMED} settings more"
    indexes = [one for one in by_name["indexes"].rows if one["state"] in ("new", "gone", "changed")]
    for one in indexes[:_NAMED]:
        yield f"index {one['index']} {one['state']}"
    if len(indexes) > _NAMED:
        yield f"{len(indexes) - _NAMED} indexes more"
