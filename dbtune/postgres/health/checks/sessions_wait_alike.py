"""Most active sessions wait for the same thing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Sessions


@check("pg.sessions-wait-alike", level=Level.info, tags=("sessions",))
def sessions_wait_alike(
    sessions: Sessions, *, min_sessions: int = 8, min_ratio: float = 0.5
) -> Iterator[Finding]:
    """Most active sessions wait for the same thing.

    Why: A single resource is the bottleneck: more connections or CPUs change nothing.

    Mistaken when: It was a moment's picture; look at dbtune activity for longer.

    Remedy: The name of the wait tells what to look at: LWLock:WALWrite the log's disk,
        IO:DataFileRead the cache, LWLock:BufferContent a hot page, Client waits the
        application.
    """
    waits = {name: count for name, count in sessions.waits.items() if not name.startswith("Lock:")}
    active = sum(sessions.waits.values())
    if active < min_sessions or not waits:
        return
    name, count = max(waits.items(), key=lambda item: (item[1], item[0]))
    if name == "CPU" or count < min_ratio * active:
        return
    yield Finding(
        name,
        f"{count} of {active} active sessions wait for {name}",
        Remedy("Look longer before acting: dbtune activity --interval 10s shows whether it lasts."),
        {"wait": name, "sessions": count, "active": active, "share_ratio": count / active},
    )
