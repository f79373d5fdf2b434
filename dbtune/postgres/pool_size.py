"""``pool-size`` on PostgreSQL: what options leave open is read from the server and its profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.measured import Known
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.observed import MEASURED, Observed, plan_on
from dbtune.pooling.observed_report import report_on
from dbtune.postgres.load import LoadWatch, observed
from dbtune.report import Report
from dbtune.statements import Wait

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.pooling.load import Load
    from dbtune.postgres.session import Session
    from dbtune.profile import Profile


def pool_size(
    session: Session,
    given: PoolInputs,
    interval_seconds: float,
    wait: Wait,
    console: PgBouncerSession | None = None,
) -> Report:
    """Derive pool sizes for a server.

    Args:
        session: an open session.
        given: what options say; only values with an origin count, the rest is read.
        interval_seconds: how long to observe the load; 0 not at all.
        wait: called to let time pass.
        console: on the admin console of the PgBouncer before it.

    Raises:
        TargetError: the connection broke, or the server tells nothing.
        UsageError: a value is impossible.
    """
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    found = _observed(session, given, interval_seconds, wait, console)
    standby = "this is a standby: the sizes are for its own load, not the primary's"
    return report_on(
        found,
        target=target(session, server),
        collected_at=server.now,
        thresholds=session.profile.thresholds,
        notes=(standby,) if server.is_standby else (),
    )


def pool_size_from(snapshot: Snapshot, given: PoolInputs, profile: Profile | None) -> Report:
    """As :func:`pool_size`, of the load that a snapshot holds.

    Raises:
        UsageError: it holds none, or a value is impossible.
    """
    from dbtune.postgres.facts.load import load

    snapshot.require("postgresql")
    try:
        found = plan_on(given, of_profile(profile), snapshot.of(load))
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name}: {missing}; take it anew (dbtune snapshot)") from None
    thresholds = profile.thresholds if profile else {}
    return snapshot.described(report_on(found, thresholds=thresholds))


def plan_for(
    session: Session, given: PoolInputs, interval_seconds: float, wait: Wait
) -> tuple[PoolPlan, Load | None]:
    """The plan for a server, and what was observed. Arguments as :func:`pool_size`."""
    found = _observed(session, given, interval_seconds, wait)
    return found.plan, found.load


def of_profile(profile: Profile | None) -> Known:
    """What the profile says about the machine and the application."""
    if profile is None:
        return {}
    values = {
        "cpus": profile.cpus,
        "instances": profile.instances,
        "workers": profile.workers,
    }
    origin = f"profile {profile.name}"
    return {name: (value, origin) for name, value in values.items() if value is not None}


def _observed(
    session: Session,
    given: PoolInputs,
    seconds: float,
    wait: Wait,
    console: PgBouncerSession | None = None,
) -> Observed:
    about = of_profile(session.profile)
    try:
        if seconds <= 0 or all(name in given.origins for name in MEASURED):
            return plan_on(given, about, LoadWatch(session).so_far(), measured=False)
        if console is None:
            return plan_on(given, about, observed(session, seconds, wait))
        from dbtune.pgbouncer.load import PoolerWatch

        watch, pooler = LoadWatch(session, seconds), PoolerWatch(console)

        def look() -> None:
            watch.look()
            pooler.look()

        wait(seconds, "observing the load", watch.every_seconds, look)
        return plan_on(given, about, watch.load(), pooler.load())
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name}: {missing}") from None
