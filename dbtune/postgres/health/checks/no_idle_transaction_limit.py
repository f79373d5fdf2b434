"""Nothing ends transactions that are left open."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check(
    "pg.no-idle-transaction-limit",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "transactions"),
)
def no_idle_transaction_limit(settings: Settings) -> Iterator[Finding]:
    """Nothing ends transactions that are left open.

    Why: One forgotten transaction holds locks and VACUUM back until somebody notices.

    Mistaken when: Each role has a limit of its own.

    Remedy: idle_in_transaction_session_timeout, from minutes to an hour.
    """
    if settings.get("idle_in_transaction_session_timeout") == "0":
        yield Finding(
            "idle_in_transaction_session_timeout",
            "idle_in_transaction_session_timeout is 0: no limit",
            Remedy(
                "Set a limit.",
                sql="ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min';\nSELECT "
                "pg_reload_conf();",
                effect="sessions idle in a transaction for longer are ended",
            ),
            {"idle_in_transaction_session_timeout": "0"},
        )
