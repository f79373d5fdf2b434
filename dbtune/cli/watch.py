"""``dbtune watch``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli import complete
from dbtune.cli.command import Gate, Run, command, duration_option, new_app, typed
from dbtune.errors import UsageError
from dbtune.profile import Engine, Profile, tagged
from dbtune.report import Column, Report, Table, record
from dbtune.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbtune.cli.watching import Watch
    from dbtune.watch.store import Store

EVENTS = Table(
    "events",
    "What happened",
    (
        Column("at", "at", "time", "When it was seen."),
        Column("target", "target", "text", "Of several targets, which; else null."),
        Column(
            "event",
            "event",
            "text",
            "regression, over, change, unreachable, reachable or note.",
        ),
        Column("level", "level", "text", "Of a regression: info, warning or critical."),
        Column("rule", "rule", "text", "Of a regression: dbtune rules NAME explains it."),
        Column("message", "message", "text", "One sentence."),
        Column("subject", "about", "sql", "What it is about."),
    ),
    empty="nothing happened",
)
SUMMARY = (
    Column("snapshots", "snapshots", "int", "Snapshots that were taken."),
    Column("missed", "missed", "int", "Times when the target could not be reached."),
    Column("regressions", "regressions", "int", "Regressions that were told."),
    Column("remaining", "still there", "int", "Of those, how many were there at the end."),
    Column("kept", "kept", "int", "Snapshots of the target that are kept."),
    Column("kept_bytes", "size", "bytes", "What they take."),
)
KEPT_IN = Column("store", "kept in", "text", "Where the snapshots are.")
TARGETS = Table(
    "targets",
    "Targets",
    (
        Column("target", "target", "text", "The profile's name."),
        Column("reachable", "reachable", "bool", "Whether it answered the last time."),
        *SUMMARY,
    ),
)
TABLES = (Table("summary", "Summary", (*SUMMARY, KEPT_IN), record=True), TARGETS, EVENTS)

app = new_app()


class Told(StrEnum):
    """From which level on findings are told."""

    info = "info"
    warning = "warning"
    critical = "critical"


@command(
    app,
    fail_on=Gate.never,
    writes="Folder for the snapshots; the report goes to stdout.",
    epilog="Examples: dbtune watch prod --every 60s -o history; "
    "dbtune compare prod --store history --since 1h",
)
def watch(
    run: Run,
    every: Annotated[float, duration_option(help="Time from one snapshot to the next.")] = typed(
        "60s"
    ),
    retention: Annotated[
        float,
        duration_option(
            help="Forget snapshots that are older. Of those older than 2 hours one in 10 minutes "
            "is kept, older than 2 days one an hour: counters only grow, no total is lost."
        ),
    ] = typed("7d"),
    store: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Keep snapshots in this PostgreSQL (URL or profile), in a schema dbtune that is "
            "made there; in place of -o DIR.",
            show_default=False,
        ),
    ] = "",
    count: Annotated[
        int, typer.Option(min=0, help="Stop after so many snapshots; 0 goes on until Ctrl-C.")
    ] = 0,
    level: Annotated[Told, typer.Option(help="Tell findings of this level or above.")] = (
        Told.warning
    ),
    tag: Annotated[
        str,
        typer.Option(
            help="All profiles with this tag, at once.",
            show_default=False,
            autocompletion=complete.tags,
        ),
    ] = "",
) -> Report:
    """Take snapshots of a target at regular times, and tell what became worse as it appears.

    They are kept in a folder (-o DIR), from which dbtune compare --store DIR takes its periods. A
    line says what appeared: a statement that reads more, an index or a setting that changed, a
    finding of dbtune check that is new. A target that can't be reached is tried again.

    Counters are read each time; what takes longer, at most so often that it is 1 % of the time.
    """
    from dbtune.cli.watching import until_told_to_stop, watch_all

    if every < 1:
        raise UsageError("--every: a second is the least; each snapshot costs the server something")
    if store and run.output is not None and run.output.path is not None:
        raise UsageError("keep snapshots in a folder (-o DIR) or in a database (--store), not both")
    if tag and (run.target_given or run.saved):
        raise UsageError("--tag names the targets: no TARGET, --url or --profile beside it")
    profiles = tagged(tag) if tag else [run.profile()]
    folder = None if store else _folder(run)
    watches = _watches(run, profiles, folder, store, retention, Told(level), many=bool(tag))
    with until_told_to_stop() as stopping:
        if tag:
            watch_all(watches, every, count, stopping)
        else:
            watches[0].loop(every, count, stopping)
    report = _report(watches, _name_of(folder, store), many=bool(tag))
    if any(one.interrupted for one in watches):
        from dbtune.cli.output import style
        from dbtune.render import render

        if not run.quiet:
            sys.stderr.write(render(report, "table", style(run.output, sys.stderr)))  # type: ignore[arg-type]
        raise KeyboardInterrupt
    return report


def _watches(
    run: Run,
    profiles: Sequence[Profile],
    folder: Path | None,
    store: str,
    keep: float,
    told: Told,
    *,
    many: bool,
) -> list[Watch]:
    """What watches each target, when it is clear that there is a place for the snapshots."""
    from dbtune.cli.watching import Watch
    from dbtune.finding import Level

    first = _open(run, folder, store)
    opened: Callable[[], Store] = lambda: first  # noqa: E731
    if many:
        first.close()
        opened = lambda: _open(run, folder, store)  # noqa: E731 # threads share no connection
        run = replace(run, quiet=True)
    return [Watch(run, one, opened, keep, Level[told.value], many) for one in profiles]


def _report(watches: Sequence[Watch], where: str, *, many: bool) -> Report:
    """What was seen, at the end."""
    from dbtune.finding import sort_findings

    counted = [one.summary() for one in watches]
    values: dict[str, object] = {
        column.name: sum(one[column.name] for one in counted) for column in SUMMARY
    }
    values["store"] = where
    found = [finding for one in watches for finding in one.findings()]
    seen = [event for one in watches for event in one.rows()]
    seen.sort(key=lambda event: str(event["at"]))
    targets = [
        {"target": one.profile.name, "reachable": one.reachable, **told}
        for one, told in zip(watches, counted, strict=True)
    ]
    return Report(
        "watch",
        (
            record("summary", "Summary", (*SUMMARY, KEPT_IN), values),
            *((replace(TARGETS, rows=tuple(targets)),) if many else ()),
            *(() if watches[0].streams else (replace(EVENTS, rows=tuple(seen)),)),
        ),
        findings=tuple(sort_findings(found)),
        target=None if many else watches[0].target or None,
        collected_at=datetime.now(UTC),
        unreachable=not all(one.reachable for one in watches),
    )


def _folder(run: Run) -> Path:
    if run.output is None or run.output.path is None:
        raise UsageError("name the folder for the snapshots: -o DIR, or a database: --store URL")
    path = run.claim_output("the snapshots")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{plain(str(path))} is a file; name a folder for the snapshots")
    return path


def _name_of(folder: Path | None, store: str) -> str:
    from dbtune.redaction import redact

    return plain(str(folder) if folder is not None else redact(store))


def _open(run: Run, folder: Path | None, store: str) -> Store:
    if folder is not None:
        from dbtune.watch.folder import Folder

        return Folder(folder)
    return open_database(run, store, create=True)


def open_database(run: Run, store: str, *, create: bool) -> Store:
    """The store in a PostgreSQL.

    Raises:
        UsageError: it is no PostgreSQL, or has no store.
        TargetError: it can't be reached.
    """
    from dbtune.postgres.store import PostgresStore
    from dbtune.profile import resolve

    profile = resolve(store)
    if profile.engine is not Engine.postgresql:
        raise UsageError(f"--store keeps snapshots in PostgreSQL; {profile.name} is another engine")
    return PostgresStore(profile, run.limits, create=create)
