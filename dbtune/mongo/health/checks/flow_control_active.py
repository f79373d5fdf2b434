"""Writes are slowed down for secondaries that lag."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import ms_text


@check("mongo.flow-control-active", tags=("replication",))
def flow_control_active(status: Status) -> Iterator[Finding]:
    """Writes are slowed down for secondaries that lag.

    Why: The majority commit point is behind: the primary holds back every writer.

    Mistaken when: A secondary was just restarted and catches up.

    Remedy: See why the secondary lags.
    """
    if (
        status.number("flowControl.isLagged")
        or status.grown("flowControl.isLaggedTimeMicros") > 1e6
    ):
        yield Finding(
            "flow control",
            f"the majority lags; writes were held back for "
            f"{ms_text(status.grown('flowControl.isLaggedTimeMicros') / 1000)}",
            Remedy(
                "See the secondaries' disks and network.", sql="rs.printSecondaryReplicationInfo()"
            ),
            {"lagged": bool(status.number("flowControl.isLagged"))},
        )
