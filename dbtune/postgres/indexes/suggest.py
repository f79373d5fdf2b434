"""``suggest-indexes`` on PostgreSQL: from a session to a report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
    from dbtune.facts import Source
    from dbtune.postgres.indexes.advice import Advice
    from dbtune.postgres.indexes.carry_out import Changes
    from dbtune.postgres.indexes.hygiene import Hygiene
    from dbtune.postgres.indexes.planner import Planner
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
        sample: whether some blocks of the tables are read, for the sizes of their indexes.
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
    sample: bool = True


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
    from dbtune.postgres.indexes.choose import open_planner
    from dbtune.postgres.indexes.hygiene import hygiene, merged, only_existing
    from dbtune.postgres.relations.collect import read_relations
    from dbtune.postgres.relations.views import read_views
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    if changes is not None:
        changes.require(server)
    relations = read_relations(session)
    as_read = relations

    def examined(relied: Collection[int] = ()) -> Hygiene:
        return hygiene(
            as_read,
            replicas,
            min_observed_seconds=request.min_observed_seconds,
            thresholds=session.profile.thresholds,
            relied=relied,
        )

    try:
        workload = _wanted(_workload(session, server, request, wait), request)
    except Unavailable as missing:
        if not request.existing:
            raise UsageError(f"there is no workload: {missing.reason}") from None
        found = only_existing(examined(), missing)
        return replace(found, target=target(session, server), collected_at=server.now)
    texts = [query.text for query in workload.queries]
    relations = replace(relations, views=read_views(session, texts))
    with progress("preparing the planner", 1.0) as advance:
        opened = open_planner(session, request.planner, statements=texts, advance=advance)
    advice, found = _advised(
        opened.planner, relations, workload, request, progress, session if request.sample else None
    )
    found = replace(found, notes=(*found.notes, f"costs are from: {opened.why}"))
    if changes is not None:
        from dbtune.postgres.indexes.carry_out import carry_out

        path = request.options.search_path
        found = carry_out(session, changes, relations, advice, progress, path)(found)
    if request.existing:
        found = merged(found, examined(advice.relied))
    return replace(found, target=target(session, server), collected_at=server.now)


def from_snapshot(
    source: Source,
    request: Request,
    progress: Progress,
    thresholds: Mapping[str, Mapping[str, object]],
) -> Report:
    """As :func:`suggest_indexes`, of the totals, statistics and schema that a snapshot holds.

    Args:
        source: the snapshot's facts.
        request: the workload and the limits.
        progress: makes a progress bar.
        thresholds: overrides by rule and threshold.

    Raises:
        UsageError: the snapshot lacks what is needed, or more is asked for than it can tell.
    """
    from dbtune.postgres.facts.lab import lab
    from dbtune.postgres.facts.relations import relations as relations_fact
    from dbtune.postgres.indexes.hygiene import hygiene, merged
    from dbtune.postgres.lab.open import build_lab
    from dbtune.postgres.relations.facts import View

    if request.interval_seconds > 0:
        raise UsageError("--interval needs a server; two snapshots are compared by dbtune compare")
    if request.planner is PlannerChoice.hypopg:
        raise UsageError("--planner hypopg needs a server; a snapshot is planned in the lab")
    try:
        relations = source.of(relations_fact)
        schema = source.of(lab)
        workload = _wanted(_saved_workload(source, request, relations.database), request)
    except Unavailable as missing:
        raise UsageError(
            f"the snapshot does not suffice for index advice: {missing.reason}"
        ) from None
    views = (one for one in schema.relations.values() if one.kind == "v" and one.definition)
    relations = replace(
        relations, views=tuple(View(one.schema, one.name, one.definition) for one in views)
    )
    with progress("preparing the planner", 1.0) as advance:
        planner = build_lab(schema, advance=advance)
    advice, found = _advised(planner, relations, workload, request, progress)
    found = replace(found, notes=(*found.notes, "costs are from: planner lab, of the snapshot"))
    if not request.existing:
        return found
    existing = hygiene(
        relations,
        (),
        min_observed_seconds=request.min_observed_seconds,
        thresholds=thresholds,
        relied=advice.relied,
    )
    return merged(found, existing)


def _saved_workload(source: Source, request: Request, database: str) -> Workload:
    from dbtune.postgres.facts.server import server
    from dbtune.postgres.facts.statements import statements, statements_setup
    from dbtune.postgres.indexes.sources import of_totals

    if request.script:
        return from_script(request.script, request.source)
    if request.logged is not None:
        return from_log(request.logged, request.source, database)
    reading, setup = source.of(statements), source.of(statements_setup)
    return of_totals(reading, setup, source.of(server), database, request.source)


def _wanted(workload: Workload, request: Request) -> Workload:
    """The statements to look at.

    Raises:
        UsageError: those that a person gave are none that an index could serve.
        Unavailable: a server has counted none.
    """
    if workload.queries:
        return largest(workload, request.statements)
    reason = f"{request.source} has no statement that an index could serve"
    reason = "; ".join([reason, *workload.notes])
    if request.script or request.logged is not None:
        raise UsageError(reason)
    raise Unavailable(reason)


def _advised(
    planner: Planner,
    relations: Relations,
    workload: Workload,
    request: Request,
    progress: Progress,
    samples: Session | None = None,
) -> tuple[Advice, Report]:
    """Ask the planner, which is closed at the end; tables are sampled if there is a session."""
    from dbtune.postgres.indexes.advise import advise
    from dbtune.postgres.indexes.report import report
    from dbtune.postgres.indexes.size import IndexSizes

    sizes = IndexSizes(relations)
    with planner, progress("looking for indexes", 1.0) as advance:
        advice = advise(
            planner,
            relations,
            workload,
            request.options,
            size=lambda one: sizes.of(one).likely_bytes,
            progress=advance,
        )
        if samples is not None:
            from dbtune.postgres.indexes.sample import measured_sizes

            advice = measured_sizes(samples, relations, advice)
        return advice, report(advice, workload, planner)


def _workload(session: Session, server: Server, request: Request, wait: Wait) -> Workload:
    if request.script:
        return from_script(request.script, request.source)
    if request.logged is not None:
        return from_log(request.logged, request.source, session.database)
    return of_server(session, server, request.source, request.interval_seconds, wait)
