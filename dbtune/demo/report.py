"""What ``dbtune demo`` has to say beside the reports of the commands that it ran."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from dbtune.demo.kept import PROFILE, Kept
from dbtune.demo.planted import TABLE as PLANTED_TABLE
from dbtune.demo.planted import planted_table
from dbtune.finding import sort_findings
from dbtune.render.document import document
from dbtune.report import Column, Report, Table, record

ENOUGH_SECONDS = 8
"""After so many seconds of work every problem shows."""
REPORTS = Table(
    "reports",
    "Reports",
    (
        Column("command", "command", "text", "The command that gives this report."),
        Column("report", "report", "object", "Its report, as that command prints it.", None),
    ),
)
_SERVER = (
    Column("state", "state", "text", "running or not running."),
    Column("profile", "profile", "text", "The profile that leads to it."),
    Column("url", "url", "text", "Its URL; it holds no secret."),
    Column("folder", "folder", "text", "The folder that holds everything of it."),
    Column("kept_since", "kept since", "time", "When it was left running."),
)
SERVER = Table("server", "Demo server", _SERVER, record=True)
TABLES = (PLANTED_TABLE, SERVER, REPORTS)


def summary(reports: Sequence[tuple[str, Report]], known_commands: Collection[str]) -> Report:
    """What was planted, what of it the reports found, and the reports themselves.

    Its findings are those of all reports: formats that know nothing but findings show them.

    Args:
        reports: the commands that were run, and their reports.
        known_commands: the commands that this dbtune has.
    """
    rows = tuple({"command": command, "report": document(report)} for command, report in reports)
    made = [report for _, report in reports]
    return Report(
        "demo",
        (
            planted_table(made, known_commands),
            Table(REPORTS.name, REPORTS.title, REPORTS.columns, rows),
        ),
        findings=tuple(sort_findings(finding for one in made for finding in one.findings)),
        skipped=tuple(skipped for one in made for skipped in one.skipped),
        examined=tuple(name for one in made for name in one.examined),
    )


def without_reports(report: Report) -> Report:
    """A summary for people, who have read the reports already."""
    tables = tuple(table for table in report.tables if table.name != REPORTS.name)
    return replace(report, tables=tables, findings=(), skipped=())


def on_one_page(shown: Iterable[tuple[str, Report]], report: Report) -> Report:
    """The summary with the tables of the reports before its own; it has their findings already."""
    tables = [
        replace(table, title=f"$ {command}: {table.title}".removesuffix(": "))
        for command, one in shown
        for table in one.tables
    ]
    return replace(report, tables=(*tables, *without_reports(report).tables))


def state(kept: Kept | None) -> Table:
    """Where the kept demo is, or that there is none."""
    if kept is None:
        return record(SERVER.name, SERVER.title, _SERVER, {"state": "not running"})
    values = {
        "state": "running" if kept.running else "not running",
        "profile": PROFILE,
        "url": kept.url,
        "folder": kept.folder,
        "kept_since": datetime.fromisoformat(kept.started_at).astimezone(UTC),
    }
    return record(SERVER.name, SERVER.title, _SERVER, values)


def next_steps(kept: Kept | None, seconds: int = ENOUGH_SECONDS) -> tuple[str, ...]:
    """What to try next, one sentence each.

    Args:
        kept: the demo that runs on, if one does.
        seconds: for how long the applications worked.
    """
    notes = []
    if seconds < ENOUGH_SECONDS:
        notes.append(
            f"{seconds} s are too short for some problems to show: use --duration {ENOUGH_SECONDS}"
        )
    if kept is None:
        notes.append(
            "everything was stopped and removed; to try the commands yourself: dbtune demo --keep"
        )
        return tuple(notes)
    return (
        *notes,
        f"it runs on as profile {PROFILE}; try: dbtune slow-queries {PROFILE} --by calls",
        f"or: dbtune gen-config postgresql {PROFILE} --form alter-system",
        f"more load: dbtune demo drive --duration 60s; meanwhile: dbtune slow-queries {PROFILE} "
        "--interval 20s",
        "its url above holds no password and does for psql, too",
        "end it with: dbtune demo stop",
    )
