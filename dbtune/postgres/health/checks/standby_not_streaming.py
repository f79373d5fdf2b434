"""This standby receives nothing from its primary."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.replication import Replication


@check("pg.standby-not-streaming", tags=("replication",))
def standby_not_streaming(replication: Replication) -> Iterator[Finding]:
    """This standby receives nothing from its primary.

    Why: It falls behind, and could not take over without losing data.

    Mistaken when: It is fed from an archive on purpose (no primary_conninfo).

    Remedy: See its log: address, password, pg_hba.conf, or a slot that is gone.
    """
    if replication.receiver is not None and not replication.receiver.streaming:
        yield Finding(
            "WAL receiver",
            "no WAL receiver is connected to a primary",
            Remedy("See this server's log for why, and primary_conninfo."),
            {"last_replay_seconds": replication.receiver.last_replay_seconds},
        )
