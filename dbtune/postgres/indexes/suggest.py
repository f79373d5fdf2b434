"""``suggest-indexes`` on PostgreSQL: from a session to a report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.indexes.advice import Options
from dbtune.postgres.indexes.workload import Workload, from_script, from_statements, largest
from dbtune.report import Report
from dbtune.statements import Wait

if TYPE_CHECKING:
    from dbtune.postgres.indexes.planner import Planner
    from dbtune.postgres.session import Session

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]


class PlannerChoice(StrEnum):
    """Who answers what a statement would cost."""

    auto = "auto"
    hypopg = "hypopg"
    lab = "lab"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for.

    Attributes:
        script: SQL with the statements of the workload; "" to take pg_stat_statements.
        source: what to call that in the report.
        interval_seconds: observe for so long; 0 takes the totals.
        statements: most statements to look at.
        planner: who answers.
        options: limits of the choice.
    """

    script: str = ""
    source: str = "pg_stat_statements"
    interval_seconds: float = 0.0
    statements: int = 1000
    planner: PlannerChoice = PlannerChoice.auto
    options: Options = field(default_factory=Options)


def suggest_indexes(session: Session, request: Request, wait: Wait, progress: Progress) -> Report:
    """Suggest indexes for a database.

    Args:
        session: an open session.
        request: the workload and the limits.
        wait: called to let time pass.
        progress: makes a progress bar.

    Raises:
        UsageError: the workload is empty, or the planner that was asked for is not there.
        TargetError: the connection broke.
    """
    from dbtune.postgres.indexes.advise import advise
    from dbtune.postgres.indexes.report import report
    from dbtune.postgres.relations.collect import read_relations
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    workload = largest(_workload(session, request, wait), request.statements)
    if not workload.queries:
        raise UsageError(f"{request.source} has no statement that an index could serve")
    relations = read_relations(session)
    options = request.options
    with _open_planner(session, request) as planner:
        with progress("looking for indexes", 1.0) as advance:
            advice = advise(planner, relations, workload, options, progress=advance)
        found = report(advice, workload, planner)
    return replace(found, target=target(session, server), collected_at=server.now)


def _workload(session: Session, request: Request, wait: Wait) -> Workload:
    if request.script:
        return from_script(request.script, request.source)
    from dbtune.postgres.statements.collect import read_setup, read_statements
    from dbtune.postgres.statements.facts import TEXT_LIMIT
    from dbtune.postgres.statements.group import group
    from dbtune.postgres.statements.interval import difference

    setup = read_setup(session)
    try:
        reading = read_statements(session, setup, texts=request.interval_seconds <= 0)
        entries, since = reading.entries, reading.stats_reset
        seconds = (reading.at - since).total_seconds() if since else None
        if request.interval_seconds > 0:
            wait(request.interval_seconds, "observing statements")
            change = difference(reading, read_statements(session, setup, texts=True))
            entries, seconds = change.entries, change.seconds
    except Unavailable as missing:
        raise UsageError(
            f"there is no workload: {missing.reason}; give statements with --file or --sql"
        ) from None
    here = [entry for entry in entries if entry.database == session.database]
    statements = group(here, setup.block_bytes, io_timed=False)
    return from_statements(statements, request.source, seconds, text_limit=TEXT_LIMIT)


def _open_planner(session: Session, request: Request) -> Planner:
    from dbtune.postgres.indexes.hypopg import open_hypopg

    try:
        return open_hypopg(session)
    except Unavailable as missing:
        raise UsageError(f"--planner {request.planner}: {missing.reason}") from None
