"""Most connections do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.connections import Connections
from dbtune.text import plural


@check(
    "pg.connections-mostly-idle",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("connections",),
)
def connections_mostly_idle(
    connections: Connections, *, min_idle: int = 100, min_ratio: float = 0.9
) -> Iterator[Finding]:
    """Most connections do nothing.

    Why: Each costs memory and makes every snapshot dearer; a pooler serves the same clients
        with a tenth of them.

    Mistaken when: It is a quiet hour, and by day they are busy.

    Remedy: A pooler in transaction mode, with the sizes of dbtune pool-size; or smaller pools
        in the application.
    """
    idle = sum(group.idle for group in connections.groups)
    hidden = sum(group.hidden for group in connections.groups)
    if hidden and idle + hidden >= min_idle and connections.used >= min_idle > idle:
        raise Unavailable(
            f"the state of {plural(hidden, 'session')} is hidden", "GRANT pg_monitor to this role"
        )
    if idle < min_idle or idle < min_ratio * connections.used:
        return
    yield Finding(
        "connections",
        f"{idle} of {connections.used} connections are idle",
        Remedy("dbtune pool-size derives what is needed; dbtune gen-config pgbouncer the pooler."),
        {"idle": idle, "used": connections.used},
    )
