"""Sessions sit idle in an open transaction."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Sessions
from dbtune.text import ms_text


@check("pg.idle-in-transaction", tags=("sessions", "transactions"))
def idle_in_transaction(
    sessions: Sessions, *, warning_seconds: float = 60, critical_seconds: float = 600
) -> Iterator[Finding]:
    """Sessions sit idle in an open transaction.

    Why: They hold locks and keep VACUUM from removing dead rows of the whole database, though
        nobody works.

    Mistaken when: A person has a transaction open on purpose, in a session that holds no locks
        others need.

    Remedy: Mend the application (commit or roll back before waiting for anything else); until
        then set idle_in_transaction_session_timeout.
    """
    for one in sessions.backends:
        seconds = one.state_seconds
        if not one.state.startswith("idle in transaction") or seconds is None:
            continue
        if seconds < warning_seconds:
            continue
        yield Finding(
            f"{one.who} in {one.database}",
            f"process {one.pid} has been idle in a transaction for {ms_text(seconds * 1000)}; "
            f"its last statement: {one.statement or '(hidden)'}",
            Remedy(
                "End it if nobody is at work there, and let the server do so from now on.",
                sql=f"SELECT pg_terminate_backend({one.pid});\n"
                "ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min';\n"
                "SELECT pg_reload_conf();",
                effect="the session's transaction is rolled back",
            ),
            {"pid": one.pid, "idle_seconds": seconds, "xmin_age": one.xmin_age},
            level=Level.critical if seconds >= critical_seconds else Level.warning,
        )
