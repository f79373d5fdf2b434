"""Replay is paused on this standby."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.replication import Replication


@check("pg.replay-paused", tags=("replication",))
def replay_paused(replication: Replication) -> Iterator[Finding]:
    """Replay is paused on this standby.

    Why: Its data do not change any more, and the log that it must keep grows.

    Mistaken when: Somebody paused it to look at something, and is still looking.

    Remedy: Resume it.
    """
    if replication.receiver is not None and replication.receiver.paused:
        yield Finding(
            "replay",
            "replay is paused: what is received is not applied",
            Remedy("Resume it.", sql="SELECT pg_wal_replay_resume();"),
            {"replay_lag_bytes": replication.receiver.replay_lag_bytes},
        )
