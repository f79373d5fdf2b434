"""``slow-queries`` of a snapshot: the server's counters, and what its log told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable, UsageError
from dbtune.report import Report
from dbtune.statements import Selection

if TYPE_CHECKING:
    from dbtune.facts import Snapshot


def slow_queries(
    snapshot: Snapshot, selection: Selection, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    """Rank the statements that a snapshot holds.

    Raises:
        UsageError: it is not of PostgreSQL, holds none, or is damaged.
    """
    from dbtune.postgres.logs.fact import of_snapshot
    from dbtune.postgres.statements import from_snapshot

    log = of_snapshot(snapshot.require("postgresql"))
    try:
        report = from_snapshot(snapshot, selection, thresholds)
    except Unavailable as missing:
        if log is None:
            raise UsageError(f"{snapshot.name} has no statements: {missing.reason}") from None
        from dbtune.postgres.logs.report import report as of_log

        report = of_log(log.digest, selection, names=log.files, thresholds=thresholds)
    else:
        if log is not None:
            from dbtune.postgres.logs.report import beside

            report = beside(report, log.digest, selection, log.files, thresholds)
    return snapshot.described(report)
