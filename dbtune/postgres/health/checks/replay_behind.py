"""This standby has received what it has not replayed."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.replication import Replication
from dbtune.text import bytes_text


@check("pg.replay-behind", tags=("replication",))
def replay_behind(
    replication: Replication,
    *,
    warning_bytes: int = 256 * 1024**2,
    critical_bytes: int = 4 * 1024**3,
) -> Iterator[Finding]:
    """This standby has received what it has not replayed.

    Why: Reads here are stale, and a promotion has to wait for the replay.

    Mistaken when: It is delayed on purpose (recovery_min_apply_delay), or replay catches up.

    Remedy: A query here may hold replay up (max_standby_streaming_delay); else disk or a single
        busy CPU.
    """
    here = replication.receiver
    if here is None or here.paused or not here.replay_lag_bytes:
        return
    if here.replay_lag_bytes < warning_bytes:
        return
    yield Finding(
        "replay",
        f"{bytes_text(here.replay_lag_bytes)} received and not replayed",
        Remedy("See pg_stat_activity for old queries here, and the disk's load."),
        {
            "replay_lag_bytes": here.replay_lag_bytes,
            "last_replay_seconds": here.last_replay_seconds,
        },
        level=Level.critical if here.replay_lag_bytes >= critical_bytes else Level.warning,
    )
