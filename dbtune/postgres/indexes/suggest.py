"""``suggest-indexes`` on PostgreSQL: from a session to a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.indexes.advice import Options
from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.postgres.indexes.sources import of_server
from dbtune.postgres.indexes.workload import (
    Workload,
    from_log,
    from_script,
    largest,
)
from dbtune.report import Report
from dbtune.statements import Wait

if TYPE_CHECKING:
    from dbtune.postgres.indexes.carry_out import Changes
    from dbtune.postgres.logs.workload import Logged
    from dbtune.postgres.relations.facts import Relations
    from dbtune.postgres.server import Server
    from dbtune.postgres.session import Session

MIN_OBSERVED_SECONDS = 14 * 86_400.0
"""Scans have to be counted for so long before an index is called unused."""

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]


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
        existing: whether the indexes that there are, are examined, too.
        min_observed_seconds: how long scans have to be counted to call an index unused.
        logged: statements of logs, in place of pg_stat_statements.
    """

    script: str = ""
    source: str = "pg_stat_statements"
    interval_seconds: float = 0.0
    statements: int = 1000
    planner: PlannerChoice = PlannerChoice.auto
    options: Options = field(default_factory=Options)
    existing: bool = True
    min_observed_seconds: float = MIN_OBSERVED_SECONDS
    logged: Logged | None = None


def suggest_indexes(
    session: Session,
    request: Request,
    wait: Wait,
    progress: Progress,
    replicas: Sequence[Relations] = (),
    changes: Changes | None = None,
) -> Report:
    """Suggest indexes for a database, and say which of those that there are may go.

    Args:
        session: an open session.
        request: the workload and the limits.
        wait: called to let time pass.
        progress: makes a progress bar.
        replicas: relations of standbys, whose scans of indexes count as well.
        changes: what may be changed; ``None`` for nothing.

    Raises:
        UsageError: the workload is empty, the planner that was asked for is not there, or changes
            are allowed where none can be made.
        TargetError: the connection broke.
    """
    from dbtune.postgres.indexes.advise import advise
    from dbtune.postgres.indexes.choose import open_planner
    from dbtune.postgres.indexes.hygiene import hygiene, merged, only_existing
    from dbtune.postgres.indexes.report import report
    from dbtune.postgres.indexes.size import IndexSizes
    from dbtune.postgres.relations.collect import read_relations
    from dbtune.postgres.relations.views import read_views
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    if changes is not None:
        changes.require(server)
    relations = read_relations(session)
    existing = None
    if request.existing:
        existing = hygiene(
            relations,
            replicas,
            min_observed_seconds=request.min_observed_seconds,
            thresholds=session.profile.thresholds,
        )
    try:
        workload = largest(_workload(session, server, request, wait), request.statements)
    except Unavailable as missing:
        if existing is None:
            raise UsageError(f"there is no workload: {missing.reason}") from None
        found = only_existing(existing, missing)
        return replace(found, target=target(session, server), collected_at=server.now)
    if not workload.queries:
        raise UsageError(f"{request.source} has no statement that an index could serve")
    sizes = IndexSizes(relations)
    texts = [query.text for query in workload.queries]
    relations = replace(relations, views=read_views(session, texts))
    with progress("preparing the planner", 1.0) as advance:
        opened = open_planner(session, request.planner, statements=texts, advance=advance)
    with opened.planner as planner:
        with progress("looking for indexes", 1.0) as advance:
            advice = advise(
                planner,
                relations,
                workload,
                request.options,
                size=lambda one: sizes.of(one).likely_bytes,
                progress=advance,
            )
        found = report(advice, workload, planner)
    found = replace(found, notes=(*found.notes, f"costs are from: {opened.why}"))
    if changes is not None:
        from dbtune.postgres.indexes.carry_out import carry_out

        path = request.options.search_path
        found = carry_out(session, changes, relations, advice, progress, path)(found)
    if existing is not None:
        found = merged(found, existing)
    return replace(found, target=target(session, server), collected_at=server.now)


def _workload(session: Session, server: Server, request: Request, wait: Wait) -> Workload:
    if request.script:
        return from_script(request.script, request.source)
    if request.logged is not None:
        return from_log(request.logged, request.source, session.database)
    return of_server(session, server, request.source, request.interval_seconds, wait)
