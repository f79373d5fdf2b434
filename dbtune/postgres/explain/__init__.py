"""``explain`` on PostgreSQL: plans from files or from a server, taken apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbtune.finding import Finding
    from dbtune.postgres.explain.inputs import Progress
    from dbtune.postgres.explain.live import Request
    from dbtune.postgres.explain.report import Thresholds
    from dbtune.postgres.indexes.planner import PlannerChoice
    from dbtune.postgres.plans.model import Plan
    from dbtune.postgres.session import Session


def from_files(
    names: Sequence[str],
    *,
    limit: int = 20,
    progress: Progress | None = None,
    thresholds: Thresholds | None = None,
) -> Report:
    """The report on the plans in files, logs or standard input.

    Args:
        names: the files; ``-`` is standard input.
        limit: most plans to report on; of more, those that took longest.
        progress: shows how far a large file is read.
        thresholds: overrides by check name and threshold name.

    Raises:
        UsageError: a file can't be read or has no plan.
    """
    from dbtune.postgres.explain.inputs import read_files
    from dbtune.postgres.explain.report import report

    found = read_files(names, limit, progress)
    made = report(found.plans, thresholds=thresholds, notes=found.notes)
    return replace(made, skipped=(*found.skipped, *made.skipped))


def from_session(
    session: Session, request: Request, planner: PlannerChoice | None = None
) -> Report:
    """The report on the plan that a server has for a statement.

    Args:
        session: an open session.
        request: the statement.
        planner: what verifies indexes that findings suggest; ``None`` leaves them unverified.

    Raises:
        UsageError, TargetError: as :func:`dbtune.postgres.explain.live.explain`.
    """
    from dbtune.postgres.explain.live import explain
    from dbtune.postgres.explain.report import Given, report
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    answer = explain(session, request)
    plans = [Given(plan) for plan in answer.plans]
    notes = list(answer.notes)

    def verify(_plan: Plan, findings: list[Finding]) -> list[Finding]:
        return _verified(session, request, planner, findings, notes)

    made = report(
        plans,
        thresholds=session.profile.thresholds,
        live=True,
        verify=verify if planner is not None else None,
    )
    return replace(
        made,
        notes=(*dict.fromkeys(notes), *made.notes),
        target=target(session, server),
        collected_at=server.now,
    )


def _verified(
    session: Session,
    request: Request,
    choice: PlannerChoice | None,
    findings: list[Finding],
    notes: list[str],
) -> list[Finding]:
    """Findings whose indexes were put to the planner; where that can't be, a note says why."""
    from dbtune.errors import UsageError
    from dbtune.postgres.explain.verify import suggests, verified
    from dbtune.postgres.indexes.choose import open_planner
    from dbtune.postgres.indexes.planner import NotPlannable, PlannerChoice

    if not suggests(findings):
        return findings
    choice = choice or PlannerChoice.auto
    try:
        opened = open_planner(session, choice, statements=[request.sql])
        with opened.planner as planner:
            found = verified(findings, planner, request.sql, request.search_path)
    except (UsageError, NotPlannable) as error:
        if choice is not PlannerChoice.auto:
            raise UsageError(f"suggested indexes can't be verified: {error}") from None
        notes.append(f"suggested indexes are not verified: {error}")
        return findings
    notes.append(f"suggested indexes are verified by the planner: {opened.why}")
    return found
