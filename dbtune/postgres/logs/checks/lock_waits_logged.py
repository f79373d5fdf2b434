"""pg.lock-waits-logged"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.logs.checks import subject
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.events.lock_waits import NOT_LOGGED
from dbtune.text import ms_text, plain, plural, shorten


@check("pg.lock-waits-logged", level=Level.info, tags=("log",))
def lock_waits_logged(
    digest: Digest,
    *,
    min_waits: int = 3,
    min_total_ms: float = 5_000,
    warning_total_ms: float = 60_000,
    warning_max_ms: float = 30_000,
) -> Iterator[Finding]:
    """A statement waits long for a lock that another session holds.

    Why: Who waits holds its own locks meanwhile, and a connection: waits spread.

    Mistaken when: It waits for a migration or a batch at an hour when nobody minds.

    Remedy: Make the transaction that holds the lock shorter: no network calls, no waiting for a
    person inside it; for schema changes, SET lock_timeout and try again.
    """
    for one in digest.events.lock_waits.waits.values():
        grave = one.total_ms >= warning_total_ms or one.max_ms >= warning_max_ms
        if one.total_ms < min_total_ms or (one.count < min_waits and not grave):
            continue
        by = one.blocked_by if one.blocked_by != NOT_LOGGED else ""
        held = f"; the session that held it had last run: {shorten(plain(by), 120)}" if by else ""
        yield Finding(
            subject=subject(one.statement) or one.lock,
            level=Level.warning if grave else None,
            message=(
                f"waited {ms_text(one.total_ms)} in {plural(one.count, 'wait')} for "
                f"{plain(one.lock)}, {ms_text(one.max_ms)} at the longest{held}"
            ),
            evidence={
                "waits": one.count,
                "total_ms": one.total_ms,
                "max_ms": one.max_ms,
                "lock": one.lock,
                "blocked_by": by or None,
            },
            remedy=Remedy(
                "Commit sooner where the lock is held, and let nobody wait for ever.",
                sql="SET lock_timeout = '5s';  -- in the session that should rather give up",
                effect="statements that wait longer fail with an error",
            ),
        )
