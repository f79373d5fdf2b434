"""A standby is far behind."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication
from dbtune.text import bytes_text, ms_text


@check("pg.standby-lags", tags=("replication",))
def standby_lags(
    replication: Replication,
    *,
    warning_seconds: float = 30,
    critical_seconds: float = 300,
    warning_bytes: int = 1024**3,
) -> Iterator[Finding]:
    """A standby is far behind.

    Why: Reads there are stale, and what was not sent is lost if this server is.

    Mistaken when: It has just been connected and catches up, or it is delayed on purpose
        (recovery_min_apply_delay).

    Remedy: See what it lacks: network (sent lag), disk or CPU (replay lag), or a query that
        replay waits for.
    """
    for one in replication.standbys:
        behind, seconds = one.replay_lag_bytes or 0, one.replay_lag_seconds or 0
        if not one.state or behind <= 0 or (seconds < warning_seconds and behind < warning_bytes):
            continue
        sent = one.sent_lag_bytes or 0
        yield Finding(
            f"{one.application} {one.client}".strip(),
            f"{bytes_text(behind)} not replayed"
            + (f", {ms_text(seconds * 1000)} behind" if seconds else "")
            + f"; {bytes_text(sent)} of it not even sent",
            Remedy(
                "If most is not sent, look at the network; else at the standby's disk, and at "
                "queries there that replay waits for (max_standby_streaming_delay)."
            ),
            {"replay_lag_bytes": behind, "replay_lag_seconds": seconds, "sent_lag_bytes": sent},
            level=Level.critical if seconds >= critical_seconds else Level.warning,
        )
    replication.require_standbys()
