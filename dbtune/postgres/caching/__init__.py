"""``cache`` on PostgreSQL: statements whose answers are worth keeping, outside or as views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report, of_those_seen
from dbtune.statements import Wait
from dbtune.text import ms_text, plural

if TYPE_CHECKING:
    from dbtune.postgres.caching.collect import Workload
    from dbtune.postgres.caching.facts import Read
    from dbtune.postgres.session import Session

CHECKS = "dbtune.postgres.caching.checks"


def cache(
    session: Session,
    limit: int,
    interval_seconds: float,
    wait: Wait,
    *,
    written: Sequence[str] = (),
    script: bool = False,
) -> Report:
    """Statements worth caching, and aggregates worth a materialised view.

    Nothing is created, and no statement executed: they are planned.

    Args:
        session: an open session.
        limit: most rows of each table.
        interval_seconds: for how long to watch; 0 takes the totals.
        wait: called to let time pass.
        written: statements as the application writes them: their constants are known.
        script: whether the views are wanted as a script, too.

    Raises:
        TargetError: the connection broke.
    """
    from dbtune.postgres.caching.advise import MIN_MEAN_MS, to_cache, to_materialise
    from dbtune.postgres.caching.collect import Reader, by_fingerprint, read_workload
    from dbtune.postgres.caching.script import script as make_script
    from dbtune.postgres.caching.table import TO_CACHE, TO_MATERIALISE, cache_rows, view_rows
    from dbtune.postgres.server import read_server, target
    from dbtune.postgres.statements.collect import read_setup
    from dbtune.postgres.statements.enable import why_missing

    server = read_server(session)

    def pause() -> None:
        wait(interval_seconds, "observing statements")

    try:
        workload = read_workload(session, interval_seconds, pause)
    except Unavailable as missing:
        reason = why_missing(missing, read_setup(session), server.provider)
        lacking = Skipped("pg_stat_statements", reason.reason, reason.remedy)
        return Report(
            "cache",
            (TO_CACHE, TO_MATERIALISE),
            skipped=(lacking,),
            target=target(session, server),
            collected_at=server.now,
        )
    if workload.seconds is None:
        workload = replace(workload, statements=())
    reader = Reader(session, workload, by_fingerprint(written))
    reads = reader.reads(MIN_MEAN_MS)
    cached, views = to_cache(reads, workload.seconds), to_materialise(reads, reader)
    worth = [one for one in views if not one.refused]
    facts = {"to_cache": cached, "to_materialise": worth}
    checks = load_checks(CHECKS)
    unseen = workload.hidden_entries + _denied(reads)
    findings, not_run = run_checks(checks, facts, session.profile.thresholds)
    return Report(
        "cache",
        (
            of_those_seen(replace(TO_CACHE, rows=tuple(cache_rows(cached[:limit]))), unseen),
            of_those_seen(
                replace(TO_MATERIALISE, rows=tuple(view_rows(views[:limit], session.database))),
                unseen,
            ),
        ),
        tuple(findings),
        (*_skipped(session, workload, reads), *not_run),
        tuple(_notes(workload)),
        target=target(session, server),
        collected_at=server.now,
        artifacts=(make_script(worth[:limit], session.database, server.now),) if script else (),
        examined=tuple(one.name for one in checks),
    )


def _skipped(session: Session, workload: Workload, reads: Sequence[Read]) -> Iterator[Skipped]:
    role = session.user.replace('"', '""')
    if workload.seconds is None:
        yield Skipped(
            "statements",
            "before PostgreSQL 14 it is not known since when the totals count, so that there are "
            "no rates",
            "--interval 10min",
        )
    if denied := _denied(reads):
        yield Skipped(
            "plans of statements",
            f"{session.user} may not read the tables of {plural(denied, 'statement')}, and so not "
            "plan them",
            f'GRANT pg_read_all_data TO "{role}";  -- from PostgreSQL 14 on; or SELECT on them',
        )
    if workload.hidden_entries:
        yield Skipped(
            "statements of other roles",
            f"{plural(workload.hidden_entries, 'entry', 'entries')} hidden from {session.user}",
            f'GRANT pg_read_all_stats TO "{role}";  -- or pg_monitor, which includes it',
        )


def _denied(reads: Sequence[Read]) -> int:
    return sum("permission denied" in one.refused for one in reads)


def _notes(workload: Workload) -> Iterator[str]:
    if workload.seconds is not None:
        yield f"calls are of {ms_text(workload.seconds * 1000)}"
    yield (
        "savings are estimates: measured times and calls, the planner's costs and statistics; "
        "answers are as old as their TTL, or the view's last refresh"
    )
