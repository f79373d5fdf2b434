"""A transaction has been open for long."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Sessions
from dbtune.text import ms_text


@check("pg.long-transaction", tags=("sessions", "transactions"))
def long_transaction(
    sessions: Sessions, *, warning_seconds: float = 900, critical_seconds: float = 7200
) -> Iterator[Finding]:
    """A transaction has been open for long.

    Why: As long as it is open, VACUUM removes no row that was alive when it began, in any table
        of its database; tables and indexes grow.

    Mistaken when: It is a backup (pg_dump), an index being built, or a report that takes its
        time at a quiet hour.

    Remedy: Make it shorter: work in batches, take reports to a standby.
    """
    for one in sessions.backends:
        seconds = one.transaction_seconds
        if one.kind != "client backend" or one.state != "active" or seconds is None:
            continue
        statement = one.statement_seconds or 0
        if seconds < warning_seconds or statement >= 0.9 * seconds:
            continue  # one long statement is another check's
        backup = one.application in ("pg_dump", "pg_basebackup")
        yield Finding(
            f"{one.who} in {one.database}",
            f"process {one.pid} has a transaction open for {ms_text(seconds * 1000)}",
            Remedy(
                "Work in smaller transactions; if it is stuck, cancel it.",
                sql=f"SELECT pg_cancel_backend({one.pid});",
                effect="its transaction is rolled back",
            ),
            {"pid": one.pid, "transaction_seconds": seconds, "xmin_age": one.xmin_age},
            level=Level.info
            if backup
            else Level.critical
            if seconds >= critical_seconds
            else Level.warning,
        )
