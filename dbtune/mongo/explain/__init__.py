"""``explain`` on MongoDB: explain output from files or from a server, taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.mongo.explain.live import Request
    from dbtune.mongo.explain.report import Thresholds
    from dbtune.mongo.session import Session


def from_texts(
    texts: Sequence[tuple[str, str]], *, limit: int = 20, thresholds: Thresholds | None = None
) -> Report:
    """The report on explain output in some texts.

    Args:
        texts: each with the file that it is from, "" for standard input.
        limit: most plans to report on; of more, those that took longest.
        thresholds: overrides by check name and threshold name.

    Raises:
        UsageError: one of them can't be read, or there is no explain output.
    """
    from dbtune.mongo.explain.inputs import read_texts
    from dbtune.mongo.explain.report import report

    given, notes = read_texts(texts, limit)
    return report(given, thresholds=thresholds, notes=notes)


def pictured(texts: Sequence[tuple[str, str]], *, limit: int = 20) -> Report:
    """The plans of some texts as trees only, to be drawn.

    Raises:
        UsageError: one of them can't be read, or none was executed.
    """
    from dbtune.errors import UsageError
    from dbtune.mongo.explain.inputs import read_texts
    from dbtune.mongo.explain.view import tree_of
    from dbtune.report import Table

    given, notes = read_texts(texts, limit)
    timed = [one.plan for one in given if one.plan.timing and one.plan.total_ms]
    if not timed:
        raise UsageError("nothing to draw: no plan has times; explain('executionStats') has them")
    trees = [
        tree_of(plan, (), at if len(timed) > 1 else 0) for at, plan in enumerate(timed, start=1)
    ]
    table = Table("plans", "", (), ({},) * len(trees), trees=tuple(trees))
    return Report("explain flame", (table,), notes=tuple(notes))


def from_session(session: Session, request: Request) -> Report:
    """The report on the plan that a server has for an operation.

    Raises:
        UsageError, TargetError: as :func:`dbtune.mongo.explain.live.explain`.
    """
    from dbtune.mongo.explain.live import explain
    from dbtune.mongo.explain.report import Given, report

    plan = explain(session, request)
    made = report([Given(plan)], thresholds=session.profile.thresholds, live=True)
    return replace(made, target=session.target(), collected_at=session.now())
