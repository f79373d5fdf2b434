"""``pool-size`` on PgBouncer's admin console alone: the demand as its pools meet it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.pgbouncer.load import load_of, observed
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.observed import plan_on
from dbtune.pooling.observed_report import report_on
from dbtune.postgres.pool_size import of_profile
from dbtune.report import Report
from dbtune.statements import Wait

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.pgbouncer.session import Session
    from dbtune.profile import Profile


def pool_size(session: Session, given: PoolInputs, interval_seconds: float, wait: Wait) -> Report:
    """Derive pool sizes for what comes through a PgBouncer.

    Args:
        session: an open session on its admin console.
        given: what options say; only values with an origin count, the rest is read.
        interval_seconds: how long to observe; 0 takes what it counted so far.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke, or the console tells nothing.
        UsageError: a value is impossible.
    """
    try:
        found = plan_on(
            given, of_profile(session.profile), None, observed(session, interval_seconds, wait)
        )
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name}: {missing}") from None
    return report_on(
        found,
        target=session.target(),
        collected_at=datetime.now(UTC),
        thresholds=session.profile.thresholds,
    )


def pool_size_from(snapshot: Snapshot, given: PoolInputs, profile: Profile | None) -> Report:
    """As :func:`pool_size`, of what a snapshot of a console holds.

    Raises:
        UsageError: it lacks a part, or a value is impossible.
    """
    try:
        found = plan_on(given, of_profile(profile), None, load_of(snapshot))
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name}: {missing}; take it anew (dbtune snapshot)") from None
    thresholds = profile.thresholds if profile else {}
    return snapshot.described(report_on(found, thresholds=thresholds))
