"""All autovacuum workers are busy."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Sessions
from dbtune.postgres.facts.settings import Settings
from dbtune.text import ms_text, plural

_WORKER = "autovacuum worker"


@check("pg.autovacuum-workers-busy", level=Level.info, tags=("vacuum",))
def autovacuum_workers_busy(
    sessions: Sessions,
    settings: Settings,
    *,
    min_seconds: float = 60,
    warning_seconds: float = 3600,
) -> Iterator[Finding]:
    """All autovacuum workers are busy.

    Why: Tables that are due wait for one of them, small ones behind large ones.

    Mistaken when: Many tables have become due at once, and they are nearly done.

    Remedy: First a higher autovacuum_vacuum_cost_limit, which all workers share; then more
        autovacuum_max_workers.
    """
    workers = [one for one in sessions.backends if one.kind == _WORKER]
    limit = settings.number("autovacuum_max_workers")
    if not limit or len(workers) < limit:
        return
    youngest = min(one.transaction_seconds or 0 for one in workers)
    if youngest < min_seconds:
        return
    yield Finding(
        "autovacuum_max_workers",
        f"all {plural(len(workers), 'worker')} are busy, each for {ms_text(youngest * 1000)} or "
        "longer",
        Remedy(
            "Let them work faster before there are more of them.",
            sql="ALTER SYSTEM SET autovacuum_vacuum_cost_limit = 2000;\nSELECT pg_reload_conf();",
            effect="more reading and writing by VACUUM",
        ),
        {
            "workers": len(workers),
            "autovacuum_max_workers": limit,
            "youngest_seconds": youngest,
            "on": "; ".join(sorted(one.statement for one in workers))[:500],
        },
        level=Level.warning if youngest >= warning_seconds else Level.info,
    )
