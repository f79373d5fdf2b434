"""Most active sessions wait for the same thing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.waits import Waits
from dbtune.text import plural, ratio_text


@check("pg.sessions-wait-alike", level=Level.info, tags=("sessions",))
def sessions_wait_alike(
    waits: Waits, *, min_sessions: float = 8, min_ratio: float = 0.5
) -> Iterator[Finding]:
    """Most active sessions wait for the same thing.

    Why: A single resource is the bottleneck: more connections or CPUs change nothing.

    Mistaken when: It was seen for seconds only; look at dbtune activity for longer.

    Remedy: The name of the wait tells what to look at: LWLock:WALWrite the log's disk,
        IO:DataFileRead the cache, LWLock:BufferContent a hot page, Client waits the
        application.
    """
    if waits.active < min_sessions:
        return
    counted = {name: n for name, n in waits.sessions.items() if not name.startswith("Lock:")}
    name, count = max(counted.items(), key=lambda item: (item[1], item[0]), default=("CPU", 0))
    share = count / sum(waits.sessions.values()) if count else 0.0
    if name == "CPU" or share < min_ratio:
        return
    looks = f" (in {plural(waits.samples, 'look')})" if waits.samples > 1 else ""
    yield Finding(
        name,
        f"{ratio_text(share)} of {waits.active:.1f} active sessions wait for {name}{looks}",
        Remedy("Look longer before acting: dbtune activity shows whether it lasts."),
        {
            "wait": name,
            "samples": waits.samples,
            "active_sessions": round(waits.active, 1),
            "share_ratio": share,
        },
    )
