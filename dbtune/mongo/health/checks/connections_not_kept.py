"""Clients connect anew all the time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.connections-not-kept", tags=("connections",))
def connections_not_kept(
    status: Status, *, min_connections: float = 30, warning_per_second: float = 5
) -> Iterator[Finding]:
    """Clients connect anew all the time.

    Why: Each connection costs a thread and a login, whose password hash takes milliseconds of
        CPU.

    Mistaken when: Short-lived jobs have just run.

    Remedy: One MongoClient for the life of a process.
    """
    made = status.grown("connections.totalCreated")
    if made < min_connections or made / status.seconds < warning_per_second:
        return
    yield Finding(
        "connections",
        f"{made / status.seconds:,.1f} connections a second were opened",
        Remedy("Keep one MongoClient for the life of the process; set minPoolSize."),
        {"connections": made, "seconds": status.seconds},
    )
