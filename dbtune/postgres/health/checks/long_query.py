"""A statement has been running for long."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Sessions
from dbtune.text import ms_text


@check("pg.long-query", tags=("sessions",))
def long_query(
    sessions: Sessions, *, warning_seconds: float = 300, critical_seconds: float = 3600
) -> Iterator[Finding]:
    """A statement has been running for long.

    Why: It uses a connection, CPU and I/O, and keeps VACUUM from removing dead rows meanwhile.

    Mistaken when: It is a report, a migration or a backup that is known to take its time.

    Remedy: dbtune explain --sql on it says where its time goes; a statement_timeout for the
        role bounds the next one.
    """
    for one in sessions.backends:
        seconds = one.statement_seconds
        if one.kind != "client backend" or one.state != "active" or seconds is None:
            continue
        if seconds < warning_seconds or one.wait.startswith("Lock:"):
            continue  # who waits for a lock is another check's
        backup = one.application in ("pg_dump", "pg_basebackup")
        yield Finding(
            f"{one.who} in {one.database}",
            f"process {one.pid} has been executing for {ms_text(seconds * 1000)}: "
            f"{one.statement or '(hidden)'}",
            Remedy(
                "See what it does (dbtune explain --sql); cancel it if nobody needs the answer.",
                sql=f"SELECT pg_cancel_backend({one.pid});",
                effect="the statement fails, its transaction is rolled back",
            ),
            {"pid": one.pid, "statement_seconds": seconds, "wait": one.wait},
            level=Level.info
            if backup
            else Level.critical
            if seconds >= critical_seconds
            else Level.warning,
        )
