"""``pool-size`` on PostgreSQL: what options leave open is read from the server and its profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbtune.errors import TargetError, Unavailable
from dbtune.hardware import cpus_of, is_postgres
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.report import report
from dbtune.postgres.pool_facts import ConnectionLimits, Load, observe, read_limits
from dbtune.report import Report
from dbtune.statements import Wait
from dbtune.text import ms_text

if TYPE_CHECKING:
    from dbtune.postgres.session import Session
    from dbtune.profile import Profile

MEASURED = ("requests_per_second", "hold_time_ms", "wait_share")
PEAK_OVER_MEAN = 2.0
"""Peak factor where the rate was measured: a mean over an interval knows no peak."""

Known = dict[str, tuple[Any, str]]
"""Value and origin by field name of :class:`~dbtune.pooling.inputs.PoolInputs`."""


def pool_size(session: Session, given: PoolInputs, interval_seconds: float, wait: Wait) -> Report:
    """Derive pool sizes for a server.

    Args:
        session: an open session.
        given: what options say; only values with an origin count, the rest is read.
        interval_seconds: how long to observe the load; 0 not at all.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke, or the server tells nothing.
        UsageError: a value is impossible.
    """
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    plan, load = plan_for(session, given, interval_seconds, wait)
    notes = []
    if load is not None:
        notes.append(
            f"the load was observed for {ms_text(load.seconds * 1000)}: do it at the busiest time"
        )
    if server.is_standby:
        notes.append("this is a standby: the sizes are for its own load, not the primary's")
    return report(
        plan,
        target=target(session, server),
        collected_at=server.now,
        thresholds=session.profile.thresholds,
        skipped=() if load is None else load.skipped,
        notes=tuple(notes),
    )


def plan_for(
    session: Session, given: PoolInputs, interval_seconds: float, wait: Wait
) -> tuple[PoolPlan, Load | None]:
    """The plan for a server, and the load if it was observed. Arguments as :func:`pool_size`."""
    options: Known = {
        name: (getattr(given, name), origin) for name, origin in given.origins.items()
    }
    try:
        limits = read_limits(session)
        load = None
        if interval_seconds > 0 and not all(name in options for name in MEASURED):
            load = observe(session, interval_seconds, wait)
    except Unavailable as missing:
        raise TargetError(f"{session.profile.name}: {missing}") from None
    # The least trusted first: what follows wins.
    known = of_limits(limits) | of_machine(session) | of_load(load)
    known |= of_profile(session.profile) | options
    if "requests_per_second" in options and "peak_factor" not in options:
        known.pop("peak_factor", None)
    inputs = PoolInputs(
        **{name: value for name, (value, _) in known.items()},
        origins={name: origin for name, (_, origin) in known.items()},
    )
    return derive(inputs), load


def of_limits(limits: ConnectionLimits) -> Known:
    """What the server's settings say."""
    names = ("max_connections", "superuser_reserved", "reserved_connections")
    return {name: (getattr(limits, name), "the server") for name in names}


def of_load(load: Load | None) -> Known:
    """What was observed."""
    if load is None:
        return {}
    values: Mapping[str, tuple[float | None, str]] = {
        "requests_per_second": (load.per_second, "pg_stat_database"),
        "hold_time_ms": (load.hold_ms, "pg_stat_database"),
        "wait_share": (load.wait_share, f"pg_stat_activity, {load.observations} observations"),
    }
    known: Known = {name: one for name, one in values.items() if one[0] is not None}
    if "requests_per_second" in known:
        known["peak_factor"] = (PEAK_OVER_MEAN, "default for a measured mean")
    return known


def of_machine(session: Session) -> Known:
    """CPUs of this machine, where the server surely runs on it.

    A loopback address may be the end of a tunnel or a container's port, and a container has limits
    of its own: so the process that answered must be found here, and its limits are those read.
    """
    if not session.is_local:
        return {}
    process = session.rows("SELECT pg_catalog.pg_backend_pid() AS process")[0]["process"]
    if not is_postgres(process):
        return {}
    cpus = cpus_of(Path("/"), str(process))
    return {} if cpus.value is None else {"cpus": (cpus.value, f"this machine, {cpus.source}")}


def of_profile(profile: Profile) -> Known:
    """What the profile says about the machine and the application."""
    values = {
        "cpus": profile.cpus,
        "instances": profile.app_instances,
        "workers": profile.workers,
    }
    origin = f"profile {profile.name}"
    return {name: (value, origin) for name, value in values.items() if value is not None}
