"""Writes are slowed down for secondaries that lag."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import ms_text


@check("mongo.flow-control-active", tags=("replication",))
def flow_control_active(status: Status, *, min_ratio: float = 0.05) -> Iterator[Finding]:
    """Writes are slowed down for secondaries that lag.

    Why: The majority commit point is behind: the primary holds back every writer.

    Mistaken when: A secondary was just restarted and catches up.

    Remedy: See why the secondary lags.
    """
    held_ms = status.grown("flowControl.isLaggedTimeMicros") / 1000
    lagged = bool(status.number("flowControl.isLagged"))
    if not lagged and held_ms < min_ratio * status.seconds * 1000:
        return
    times = f"writes were held back for {ms_text(held_ms)} of {ms_text(status.seconds * 1000)}"
    yield Finding(
        "flow control",
        "the majority lags; " + (times if held_ms else "writes are held back now"),
        Remedy("See the secondaries' disks and network.", sql="rs.printSecondaryReplicationInfo()"),
        {"lagged": lagged, "held_ms": held_ms, "seconds": status.seconds},
    )
