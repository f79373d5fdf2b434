"""``explain`` on PostgreSQL: plans from files or from a server, taken apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbtune.postgres.explain.inputs import Progress
    from dbtune.postgres.explain.live import Request
    from dbtune.postgres.explain.report import Thresholds
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


def from_session(session: Session, request: Request) -> Report:
    """The report on the plan that a server has for a statement.

    Raises:
        UsageError, TargetError: as :func:`dbtune.postgres.explain.live.explain`.
    """
    from dbtune.postgres.explain.live import explain
    from dbtune.postgres.explain.report import Given, report
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    answer = explain(session, request)
    plans = [Given(plan) for plan in answer.plans]
    thresholds = session.profile.thresholds
    made = report(plans, thresholds=thresholds, notes=answer.notes, live=True)
    return replace(made, target=target(session, server), collected_at=server.now)
