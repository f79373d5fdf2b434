"""Transactions deadlock."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import ms_text, plural


@check("pg.deadlocks", tags=("locks",))
def deadlocks(
    databases: tuple[Database, ...], *, min_deadlocks: float = 1, min_per_hour: float = 1
) -> Iterator[Finding]:
    """Transactions deadlock.

    Why: The server ends one of each with an error, after everybody has waited for
        deadlock_timeout.

    Mistaken when: The application tries again, and it happens seldom.

    Remedy: Take locks in one order everywhere: sort rows before updating them; the log tells
        who met whom.
    """
    for one in databases:
        if one.deadlocks < min_deadlocks or not one.seconds:
            continue
        per_hour = one.deadlocks / one.seconds * 3600
        if per_hour < min_per_hour:
            continue
        yield Finding(
            f"database {one.name}",
            f"{plural(round(one.deadlocks), 'deadlock')} in {ms_text(one.seconds * 1000)}, "
            f"{per_hour:,.1f} an hour",
            Remedy(
                "The server's log names both statements of each.",
                sql="ALTER SYSTEM SET log_lock_waits = on;\nSELECT pg_reload_conf();",
            ),
            {"deadlocks": one.deadlocks, "seconds": one.seconds, "per_hour": per_hour},
        )
