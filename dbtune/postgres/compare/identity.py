"""Whether two snapshots are of one server, and whether its counters went on in between."""

from __future__ import annotations

from dbtune.compare.held import Held
from dbtune.compare.model import Related
from dbtune.postgres.facts.checkpoints import checkpoints
from dbtune.postgres.facts.identity import identity
from dbtune.postgres.facts.server import server
from dbtune.postgres.facts.statements import statements


def related(first: Held, second: Held) -> Related:
    """How the second snapshot belongs to the first.

    A server's counters are known by when they began: that time, in microseconds, is no other
    server's, and a restart keeps it unless the server crashed.
    """
    cluster = _cluster(first, second)
    if cluster is False:
        return Related(False, False, why="they are of different servers")
    one, other = first.maybe(server), second.maybe(server)
    if one is not None and other is not None and one.started_at == other.started_at:
        return Related(True, True)
    if _same_beginning(first, second):
        return Related(True, True, restarted=True)
    if one is not None and other is not None and one.is_standby != other.is_standby:
        return Related(cluster, False, why="one is of a primary and one of a standby")
    return Related(
        cluster,
        False,
        restarted=True,
        why="the server crashed, or its statistics were reset and it was restarted, or they are of "
        "two servers",
    )


def _cluster(first: Held, second: Held) -> bool | None:
    one, other = first.maybe(identity), second.maybe(identity)
    if one is None or other is None:
        return None
    return one.system_identifier == other.system_identifier


def _same_beginning(first: Held, second: Held) -> bool:
    for one, other in (
        (first.maybe(checkpoints), second.maybe(checkpoints)),
        (first.maybe(statements), second.maybe(statements)),
    ):
        if one and other and one.stats_reset and one.stats_reset == other.stats_reset:
            return True
    return False
