"""What to look at before, during and after a load test, with each server's own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbtune.compare.verdict import number
from dbtune.finding import Level
from dbtune.guide.gauge import Gauge
from dbtune.guide.limits import limit_of
from dbtune.guide.material import Material
from dbtune.guide.model import Problem, Section, Step, Steps, Text
from dbtune.profile import Engine
from dbtune.report import Column, Row, Table
from dbtune.text import bytes_text, capital, count_text, ms_text, plain, plural, ratio_text, shorten

CHECKLIST = Table(
    "checklist",
    "Load test checklist",
    (
        Column("target", "target", "text", "Which target."),
        Column("phase", "phase", "text", "before, during or after the load test."),
        Column("what", "what", "text", "What to do or to look at."),
        Column("now", "now", "text", "The number at the time of the report."),
        Column("limit", "stop or look from", "text", "What it should stay within."),
        Column("command", "command", "text", "What tells it."),
    ),
    empty="no target was reached",
)
PHASES = ("before", "during", "after")
_STATEMENTS = 5
_STATEMENT = 80
_CALLS = 5
"""Fewer calls than these have no mean worth comparing."""


def sections(materials: Sequence[Material], problems: Sequence[Problem]) -> tuple[Section, ...]:
    """A part for each phase, in it the steps of each target."""
    parts = []
    for phase in PHASES:
        blocks: list[Steps | Text] = []
        for material in materials:
            if len(materials) > 1:
                blocks.append(Text(f"{material.name} ({material.server})"))
            blocks.append(Steps(tuple(steps(material, problems, phase))))
        parts.append(Section(f"{phase.capitalize()} the load test", tuple(blocks)))
    return tuple(parts)


def table(materials: Sequence[Material], problems: Sequence[Problem]) -> Table:
    """The same as rows."""
    rows: list[Row] = [
        {
            "target": material.name,
            "phase": phase,
            "what": one.what,
            "now": one.now or None,
            "limit": one.limit or None,
            "command": one.command or None,
        }
        for phase in PHASES
        for material in materials
        for one in steps(material, problems, phase)
    ]
    return replace(CHECKLIST, rows=tuple(rows))


def steps(material: Material, problems: Sequence[Problem], phase: str) -> Iterator[Step]:
    """The steps of one target in one phase."""
    own = [one for one in problems if one.target == material.name]
    make = {"before": _before, "during": _during, "after": _after}[phase]
    yield from make(material, own)


def _before(material: Material, problems: Sequence[Problem]) -> Iterator[Step]:
    critical = sum(one.finding.level == Level.critical for one in problems)
    waiting = sum(one.applies == "restart" for one in problems)
    yield Step(
        "Critical problems are mended, or accepted with a reason",
        f"{critical} left",
        "none left",
        f"dbtune check {_name(material)} --fail-on critical",
    )
    if waiting:
        yield Step(
            "What needs a restart is done, and the cache is warm again",
            f"{plural(waiting, 'remedy', 'remedies')} waiting",
        )
    for gauge in _gauges(material):
        yield _room(gauge)
    yield Step(
        "What is known to be wrong is written down",
        command=f"dbtune check {_name(material)} --write-baseline known.json",
    )
    yield Step(
        "The state before is kept",
        command=f"dbtune snapshot {_name(material)} -o before.json.gz",
    )


def _room(gauge: Gauge) -> Step:
    """There is room left for the test."""
    shown = bytes_text if gauge.kind == "bytes" else count_text
    return Step(
        f"There is room: {gauge.title}",
        f"{shown(gauge.used)} of {shown(gauge.room)}",
        f"{shown(round(gauge.room * gauge.warning_ratio))} ({ratio_text(gauge.warning_ratio)})",
    )


def _during(material: Material, _problems: Sequence[Problem]) -> Iterator[Step]:
    yield Step(
        "Sessions, waits and who blocks whom",
        command=f"dbtune activity {_name(material)}",
    )
    for gauge in _gauges(material):
        shown = bytes_text if gauge.kind == "bytes" else count_text
        yield Step(
            capital(gauge.title),
            shown(gauge.used),
            f"stop above {shown(round(gauge.room * gauge.critical_ratio))} "
            f"({ratio_text(gauge.critical_ratio)})",
        )
    yield from _pool(material)
    for measure in material.metrics.measures if material.metrics else ():
        if limit := limit_of(measure):
            yield Step(capital(measure.title), number(measure, measure.before), limit)
    yield Step(
        "What becomes worse from minute to minute",
        command=f"dbtune watch {_name(material)} --every 10s",
    )


def _pool(material: Material) -> Iterator[Step]:
    table = material.table("pool-size", "recommendation")
    row = table.rows[0] if table else {}
    size, wait = row.get("default_pool_size"), row.get("target_wait_p95_ms")
    if isinstance(size, int):
        now = row.get("busy_peak_connections")
        busy = f"{count_text(float(str(now)))} at the peak" if now is not None else ""
        yield Step("Busy server connections", busy, f"above {size}, the pool size that was derived")
    if isinstance(wait, int | float):
        now = row.get("wait_p95_ms")
        shown = ms_text(now) if isinstance(now, int | float) else ""
        yield Step("Wait for a connection, p95", shown, f"above {ms_text(wait)}")


def _after(material: Material, _problems: Sequence[Problem]) -> Iterator[Step]:
    yield Step(
        "What changed, with a verdict",
        limit="nothing is worse",
        command=f"dbtune snapshot {_name(material)} -o after.json.gz; dbtune compare "
        "before.json.gz after.json.gz --note 'what was changed' --fail-on regression",
    )
    table = material.table("slow-queries", "statements")
    for row in table.rows[:_STATEMENTS] if table else ():
        mean, calls = row.get("mean_ms"), row.get("calls")
        if isinstance(mean, int | float) and isinstance(calls, int) and calls >= _CALLS:
            statement = shorten(plain(str(row["statement"])), _STATEMENT)
            yield Step(f"Mean time of {statement}", ms_text(mean), f"above {ms_text(mean * 1.1)}")
    if material.engine is Engine.postgresql:
        yield Step(
            "Autovacuum has caught up; no bloat was left behind",
            command=f"dbtune bloat {_name(material)}",
        )
    yield Step(
        "Nothing new is wrong",
        command=f"dbtune check {_name(material)} --baseline known.json --fail-on warning",
    )


def _gauges(material: Material) -> Sequence[Gauge]:
    return material.metrics.gauges if material.metrics else ()


def _name(material: Material) -> str:
    """The target as an argument; a URL stays out of a command to copy."""
    import shlex

    return shlex.quote(material.name) if "://" not in material.name else "TARGET"
