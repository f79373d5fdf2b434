"""Cursors are left and time out."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import ms_text


@check("mongo.cursors-time-out", level=Level.info, tags=("cursors",))
def cursors_time_out(
    status: Status, *, min_cursors: float = 1, min_per_hour: float = 10
) -> Iterator[Finding]:
    """Cursors are left and time out.

    Why: Each holds a snapshot and memory for ten minutes.

    Mistaken when: A few interactive sessions.

    Remedy: Read cursors to their end or close them.
    """
    lost = status.grown("metrics.cursor.timedOut")
    if lost < min_cursors or lost / status.seconds * 3600 < min_per_hour:
        return
    yield Finding(
        "cursors",
        f"{lost:,.0f} cursors timed out in {ms_text(status.seconds * 1000)}",
        Remedy("Close cursors that are not read to their end."),
        {"timed_out": lost, "seconds": status.seconds},
    )
