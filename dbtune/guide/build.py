"""The document and the report of ``dbtune report``, made of what is known of each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbtune.finding import Level, Skipped
from dbtune.guide import bench, checklist, log
from dbtune.guide.bench import Bench
from dbtune.guide.material import Change, Material
from dbtune.guide.model import Code, Document, Grid, Lines, Problem, Problems, Section, Text
from dbtune.guide.ranking import MEANINGS, problems
from dbtune.guide.scripts import script
from dbtune.guide.sections import chapter
from dbtune.guide.summary import summary
from dbtune.render.document import document as as_json
from dbtune.report import Artifact, Column, Report, Row, Table
from dbtune.text import plural

SUMMARY = Table(
    "summary",
    "Summary",
    (
        Column("lines", "summary", "list", "Five sentences for those who read no more."),
        Column("worst", "worst", "text", "Level of the worst problem; null if there is none."),
    ),
    record=True,
)
TARGETS = Table(
    "targets",
    "Targets",
    (
        Column("target", "target", "text", "The profile's name."),
        Column("engine", "engine", "text", "postgresql, mongodb or redis."),
        Column("server", "server", "text", "Product and version."),
        Column("collected_at", "read at", "time", "When its facts were read."),
        Column("critical", "critical", "int", "Critical problems."),
        Column("warning", "warning", "int", "Warnings."),
        Column("info", "info", "int", "What is worth knowing."),
        Column("error", "error", "text", "Why it could not be examined."),
    ),
)
PROBLEMS = Table(
    "problems",
    "Problems, worst first",
    (
        Column("rank", "#", "int", "1 is the worst."),
        Column("target", "target", "text", "Which target."),
        Column("level", "level", "text", "info, warning or critical."),
        Column("harm", "harm", "text", "What it does."),
        Column("rule", "rule", "text", "Name of the check; dbtune rules NAME explains it.", 1),
        Column("subject", "about", "text", "What it is about."),
        Column("message", "finding", "text", "The sentence with its number."),
        Column(
            "applies", "remedy", "text", "; ".join(f"{k}: {v}" for k, v in MEANINGS.items()) + "."
        ),
    ),
    empty="no problem was found",
)
METRICS = Table(
    "metrics",
    "Metrics",
    (
        Column("target", "target", "text", "Which target."),
        Column("metric", "metric", "text", "Stable name; carries the unit."),
        Column("title", "title", "text", "For people."),
        Column("value", "value", "float", "The number."),
        Column("room", "room", "float", "How much there is of it; null if that is not limited."),
        Column("level", "level", "text", "ok, warning or critical, of what is limited."),
        Column("seconds", "seconds", "seconds", "The time that a rate is of."),
        Column("observed", "observed", "float", "The number while it was observed."),
        Column("observed_seconds", "observed for", "seconds", "The length of that."),
    ),
)
REPORTS = Table(
    "reports",
    "Reports",
    (
        Column("target", "target", "text", "Which target."),
        Column("command", "command", "text", "The command that gives this report."),
        Column("report", "report", "object", "Its report, as that command prints it.", None),
    ),
)
BENCHES = Table(
    "benches",
    "Results of benchmarks",
    (
        Column("file", "file", "text", "The result file."),
        Column("command", "command", "text", "Which benchmark."),
        Column("target", "target", "text", "What it was made on."),
        Column("measured_at", "at", "text", "When, RFC 3339."),
        Column("tables", "tables", "object", "What it measured, by the tables' names.", None),
    ),
)
TABLES = (SUMMARY, TARGETS, PROBLEMS, METRICS, checklist.CHECKLIST, log.LOG, REPORTS, BENCHES)
_LEVELS = (
    (Level.critical, "Cannot wait", False),
    (Level.warning, "To be planned for", False),
    (Level.info, "Worth knowing", True),
)
_HOW = (
    "Ordered by level, then by the harm that is done, then by how sure it is: no points are added "
    "up. Each says when it may be mistaken."
)


def build(
    materials: Sequence[Material],
    lost: Sequence[Skipped] = (),
    benches: Sequence[Bench] = (),
    title: str = "",
) -> Report:
    """The report, with the document for people.

    Args:
        materials: what is known of each target, in the order of the chapters.
        lost: targets that could not be reached.
        benches: results of benchmarks.
        title: the document's heading; "" for a usual one.
    """
    ranked = problems(materials, several=len(materials) + len(lost) > 1)
    scripts = [(one, made) for one in materials
               if (made := script(one, _own(ranked, one.name)))]  # fmt: skip
    lines = summary(materials, ranked, lost)
    history = replace(log.LOG, rows=tuple(log.rows(materials)))
    worst = ranked[0].finding.level.name if ranked and ranked[0].finding.level else ""
    sections = [
        _problems(ranked, scripts),
        *(chapter(one) for one in materials),
        *([_tried(benches)] if benches else []),
        _load_test(materials, ranked),
        _history(history, materials),
        _unexamined(materials, lost),
    ]
    newest = max((one.collected_at for one in materials), default=None)
    shown = Document(
        title or "Performance and health report",
        ", ".join(f"{one.name} ({one.engine.product})" for one in materials),
        newest,
        lines,
        worst,
        tuple(sections),
    )
    tables = (
        replace(SUMMARY, rows=({"lines": list(lines), "worst": worst or None},)),
        replace(TARGETS, rows=(*(_target(one, ranked) for one in materials), *map(_lost, lost))),
        replace(PROBLEMS, rows=tuple(map(_problem, ranked))),
        replace(METRICS, rows=tuple(row for one in materials for row in _metrics(one))),
        checklist.table(materials, ranked),
        history,
        replace(REPORTS, rows=tuple(row for one in materials for row in _reports(one))),
        replace(BENCHES, rows=tuple(map(_bench, benches))),
    )
    return Report(
        "report",
        tables,
        findings=tuple(one.finding for one in ranked),
        skipped=(*lost, *(one for material in materials for one in _skipped(material, materials))),
        notes=tuple(note for one in materials for note in one.notes),
        target=materials[0].target if len(materials) == 1 else None,
        collected_at=newest,
        artifacts=tuple(made for _, made in scripts),
        examined=tuple(
            name for one in materials for made in one.reports.values() for name in made.examined
        ),
        unreachable=bool(lost),
        document=shown,
    )


def _own(ranked: Sequence[Problem], target: str) -> list[Problem]:
    return [one for one in ranked if one.target == target]


# --------------------------------------------------------------------------------------- sections


def _problems(ranked: Sequence[Problem], scripts: Sequence[tuple[Material, Artifact]]) -> Section:
    found = Text(_HOW, "note") if ranked else Text("No problem was found by what was examined.")
    levels = tuple(
        Section(title, (Problems(these, plural(len(these), "problem") if fold else ""),))
        for level, title, fold in _LEVELS
        if (these := tuple(one for one in ranked if one.finding.level == level))
    )
    codes = tuple(
        Code(made, f"{material.name}, {material.engine.product}: {made.filename}")
        for material, made in scripts
    )
    said = Text("What costs least stands first. Read each statement before it runs.")
    parts = (Section("Remedies as scripts", (said, *codes)),) if codes else ()
    return Section("What is wrong, worst first", (found,), levels + parts)


def _tried(benches: Sequence[Bench]) -> Section:
    parts = tuple(bench.section(one) for one in benches)
    return Section("Trade-offs that were measured", (), parts)


def _load_test(materials: Sequence[Material], ranked: Sequence[Problem]) -> Section:
    said = Text(
        "The limits are those that dbtune check warns at, and what dbtune compare would call worse "
        "than the numbers in this report."
    )
    return Section("Checklist for a load test", (said,), checklist.sections(materials, ranked))


def _history(table: Table, materials: Sequence[Material]) -> Section:
    if not table.rows:
        how = (
            "Nothing to compare yet. Take a snapshot before a change and one after it: dbtune "
            "snapshot TARGET -o before.json.gz; then dbtune report TARGET --from before.json.gz "
            "--note 'what was changed' fills this in."
        )
        return Section("Optimisation log", (Text(how),))
    parts = [
        _change(f"{material.name}: {'; '.join(change.notes) or f'change {number}'}", change)
        for material in materials
        for number, change in enumerate(material.changes, start=1)
    ]
    return Section("Optimisation log", (), tuple(parts))


def _change(title: str, change: Change) -> Section:
    """An entry: what was done and what became of it; all that was compared on request."""
    columns = tuple(one for one in log.LOG.columns if one.name != "target")
    entries = (
        Grid(replace(log.LOG, title="", columns=columns, rows=(row,), record=True))
        for row in log.lines(change.comparison)
    )
    tables = (one for one in change.comparison.tables if one.rows and not one.record)
    notes = (Lines(change.comparison.notes),) if change.comparison.notes else ()
    return Section(title, (*entries, *(Grid(one, one.title) for one in tables), *notes))


def _unexamined(materials: Sequence[Material], lost: Sequence[Skipped]) -> Section:
    found = [("", one) for one in lost]
    found += [(made.name, one) for made in materials for one in made.unexamined]
    if not found:
        return Section("Not examined", (Text("Everything that was asked for was examined."),))
    said = Text("Skipped is not clean: what was not looked at may be wrong all the same.")
    together: dict[tuple[str, str, str], list[str]] = {}
    for target, one in found:
        together.setdefault((target, one.reason, one.remedy), []).append(one.what)
    several = len(materials) + len(lost) > 1
    rows: list[Row] = [
        {
            "target": target if several else None,
            "what": ", ".join(names),
            "reason": reason,
            "remedy": remedy or None,
        }
        for (target, reason, remedy), names in together.items()
    ]
    table = Table("skipped", "", _SKIPPED, tuple(rows))
    return Section("Not examined", (said, Grid(table)))


_SKIPPED = (
    Column("target", "target", "text", "Which target."),
    Column("what", "what", "text", "A check, a command or a fact."),
    Column("reason", "why not", "text", "Why it was not examined."),
    Column("remedy", "what would make it possible", "text", "A grant, a setting or an option."),
)


def _skipped(material: Material, materials: Sequence[Material]) -> list[Skipped]:
    prefix = f"{material.name}: " if len(materials) > 1 else ""
    return [one._replace(what=f"{prefix}{one.what}") for one in material.unexamined]


# ------------------------------------------------------------------------------------------- rows


def _target(material: Material, ranked: Sequence[Problem]) -> Row:
    levels = [one.finding.level.name for one in _own(ranked, material.name) if one.finding.level]
    return {
        "target": material.name,
        "engine": material.engine.value,
        "server": material.server,
        "collected_at": material.collected_at,
        **{name: levels.count(name) for name in ("critical", "warning", "info")},
    }


def _lost(one: Skipped) -> Row:
    return {"target": one.what.removeprefix("target "), "error": one.reason}


def _problem(one: Problem) -> Row:
    finding = one.finding
    return {
        "rank": one.number,
        "target": one.target,
        "level": finding.level.name if finding.level else None,
        "harm": one.harm,
        "rule": finding.rule,
        "subject": finding.subject,
        "message": finding.message,
        "applies": one.applies,
    }


def _metrics(material: Material) -> list[Row]:
    found = material.metrics
    if found is None:
        return []
    gauges: list[Row] = [
        {
            "target": material.name,
            "metric": one.name,
            "title": one.title,
            "value": one.used,
            "room": one.room,
            "level": one.level,
        }
        for one in found.gauges
    ]
    measures: list[Row] = [
        {
            "target": material.name,
            "metric": one.name,
            "title": one.title,
            "value": one.before,
            "seconds": found.always.seconds,
            "observed": one.after if found.observed else None,
            "observed_seconds": found.observed.seconds if found.observed else None,
        }
        for one in found.measures
    ]
    return gauges + measures


def _reports(material: Material) -> list[Row]:
    return [
        {"target": material.name, "command": command, "report": as_json(made)}
        for command, made in material.reports.items()
    ]


def _bench(one: Bench) -> Row:
    return {
        "file": one.name,
        "command": one.command,
        "target": one.target or None,
        "measured_at": one.at or None,
        "tables": {table.name: table.rows for table in one.tables},
    }
