"""Applications connect anew all the time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.databases import Database


@check("pg.connections-not-kept", tags=("connections",))
def connections_not_kept(
    databases: tuple[Database, ...], *, min_sessions: float = 30, warning_per_second: float = 10
) -> Iterator[Finding]:
    """Applications connect anew all the time.

    Why: Each connection costs a process, its start and a login: milliseconds, often more than
        the statement.

    Mistaken when: A batch of short-lived jobs has just run.

    Remedy: A pool in the application, or PgBouncer before the server: dbtune pool-size.
    """
    for one in databases:
        if not one.sessions or not one.seconds:
            continue
        rate = one.sessions / one.seconds
        if one.sessions < min_sessions or rate < warning_per_second:
            continue
        yield Finding(
            f"database {one.name}",
            f"{rate:,.1f} connections a second were opened",
            Remedy("Keep connections in a pool: dbtune pool-size, dbtune gen-config pgbouncer."),
            {"sessions": one.sessions, "seconds": one.seconds},
        )
