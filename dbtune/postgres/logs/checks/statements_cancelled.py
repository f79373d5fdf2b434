"""pg.statements-cancelled"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.checks import subject
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural

_REMEDIES = {
    "statement timeout": "Make it faster (dbtune explain), or give it a limit of its own.",
    "lock timeout": "Find who holds the lock: log_lock_waits names the process.",
    "conflict with recovery": "Raise max_standby_streaming_delay, or set hot_standby_feedback = on "
    "on the standby (bloat on the primary is the price).",
    "idle-in-transaction timeout": "Close transactions before waiting for anything else.",
    "user request": "Somebody or some client gave up waiting: make it faster (dbtune explain).",
}


@check("pg.statements-cancelled", tags=("log",))
def statements_cancelled(digest: Digest, *, min_cancelled: int = 5) -> Iterator[Finding]:
    """Statements or sessions are cut off by a limit.

    Why: The work is lost, the client sees an error, and often it tries again at once.

    Mistaken when: The limit is there to stop just these statements.

    Remedy: Make the statement faster, or give it a limit that fits; for conflicts on a standby see
    max_standby_streaming_delay and hot_standby_feedback.
    """
    for one in digest.events.cancelled.found.values():
        if one.count < min_cancelled or "administrator" in one.reason:
            continue
        yield Finding(
            subject=f"{plain(one.reason)}: {subject(one.statement) or one.what}",
            message=f"cut off {plural(one.count, 'time')} due to {plain(one.reason)}",
            evidence={"cancelled": one.count, "reason": one.reason, "what": one.what},
            remedy=Remedy(
                next(
                    (text for reason, text in _REMEDIES.items() if reason in one.reason),
                    "See whether the limit fits the statement.",
                )
            ),
        )
