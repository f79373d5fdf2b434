"""The load of the server, as ``pool-size`` needs it; a snapshot can observe it for some time."""

from __future__ import annotations

from dbtune.facts import fact
from dbtune.pooling.load import Load
from dbtune.postgres.load import LoadWatch
from dbtune.postgres.session import Session


@fact("load")
def load(session: Session) -> Load:
    """One look, and what was counted so far. States of others need pg_read_all_stats."""
    return LoadWatch(session).so_far()
