"""pg.sessions-too-short"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.logs.tally import quantile
from dbtune.postgres.logs.digest import Digest
from dbtune.text import count_text, ms_text


@check("pg.sessions-too-short", tags=("log",))
def sessions_too_short(
    digest: Digest,
    seconds: float,
    *,
    min_sessions: int = 500,
    min_per_second: float = 5,
    max_median_seconds: float = 1,
) -> Iterator[Finding]:
    """Clients connect for a moment, again and again.

    Why: Each connection starts a process and checks a password: some milliseconds of CPU, more than
    most statements take.

    Mistaken when: The short sessions are a monitor's.

    Remedy: Keep connections: a pool in the application, or PgBouncer before the server.
    """
    connections = digest.events.connections
    count = connections.sessions.count
    if count < min_sessions or not seconds or count / seconds < min_per_second:
        return
    most = connections.sessions.largest * 1000
    median = quantile(connections.lengths, 0.5, 0.0, most) / 1000
    if median > max_median_seconds:
        return
    yield Finding(
        subject="short sessions",
        message=(
            f"{count_text(round(count / seconds, 1))} sessions a second, of which half last no "
            f"longer than {ms_text(median * 1000)}"
        ),
        evidence={
            "sessions": count,
            "sessions_per_second": count / seconds,
            "median_seconds": median,
            "mean_seconds": connections.sessions.mean,
        },
        remedy=Remedy(
            "Let the application keep its connections, or put PgBouncer before the server: "
            "dbtune gen-config --pgbouncer, dbtune pool-size."
        ),
    )
