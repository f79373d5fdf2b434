"""``cache`` on PostgreSQL: statements whose answers are worth keeping, outside or as views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable, UsageError
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report, of_those_seen
from dbtune.statements import Wait
from dbtune.text import ms_text, plural

if TYPE_CHECKING:
    from datetime import datetime

    from dbtune.facts import Snapshot
    from dbtune.postgres.caching.facts import Read
    from dbtune.postgres.caching.reader import Catalog, Workload
    from dbtune.postgres.session import Session

CHECKS = "dbtune.postgres.caching.checks"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        limit: most rows of each table.
        written: statements as the application writes them: their constants are known.
        script: whether the views are wanted as a script, too.
    """

    limit: int
    written: Sequence[str] = ()
    script: bool = False


def cache(session: Session, wanted: Wanted, interval_seconds: float, wait: Wait) -> Report:
    """Statements worth caching, and aggregates worth a materialised view.

    Nothing is created, and no statement executed: they are planned.

    Args:
        session: an open session.
        wanted: what is asked for.
        interval_seconds: for how long to watch; 0 takes the totals.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke.
    """
    from dbtune.postgres.caching.collect import Live, read_workload
    from dbtune.postgres.caching.table import TO_CACHE, TO_MATERIALISE
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
        found = Report("cache", (TO_CACHE, TO_MATERIALISE), skipped=(lacking,))
    else:
        of = _Database(session.database, session.user, server.now)
        found = _report(Live(session), workload, wanted, of, session.profile.thresholds)
    return replace(found, target=target(session, server), collected_at=server.now)


def from_snapshot(
    snapshot: Snapshot, wanted: Wanted, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    """As :func:`cache`, of what a snapshot holds; statements are planned in the planner lab.

    Raises:
        UsageError: it lacks what is needed.
        TargetError: the lab can't be started.
    """
    from dbtune.postgres.caching.saved import Saved, saved_workload
    from dbtune.postgres.facts.lab import lab
    from dbtune.postgres.facts.relations import relations as relations_fact
    from dbtune.postgres.facts.server import server as server_fact
    from dbtune.postgres.lab.open import build_lab

    try:
        workload = saved_workload(snapshot)
        relations, source = snapshot.of(relations_fact), snapshot.of(lab)
        user = snapshot.of(server_fact).user
    except Unavailable as missing:
        raise UsageError(
            f"{snapshot.name} does not suffice for what is worth caching: {missing.reason}"
        ) from None
    of = _Database(relations.database, user, relations.at)
    with build_lab(source) as planner:
        found = _report(Saved(planner, relations, source), workload, wanted, of, thresholds)
        notes = (*found.notes, "costs are from: planner lab, of the snapshot", *planner.notes)
    return snapshot.described(replace(found, notes=notes))


@dataclass(frozen=True, slots=True)
class _Database:
    """The database, who asked, and when."""

    name: str
    user: str
    at: datetime


def _report(
    catalog: Catalog,
    workload: Workload,
    wanted: Wanted,
    of: _Database,
    thresholds: Mapping[str, Mapping[str, object]],
) -> Report:
    from dbtune.postgres.caching.advise import MIN_MEAN_MS, to_cache, to_materialise
    from dbtune.postgres.caching.reader import Reader, by_fingerprint
    from dbtune.postgres.caching.script import script as make_script
    from dbtune.postgres.caching.table import TO_CACHE, TO_MATERIALISE, cache_rows, view_rows

    if workload.seconds is None:
        workload = replace(workload, statements=())
    reader = Reader(catalog, workload, by_fingerprint(wanted.written))
    reads = reader.reads(MIN_MEAN_MS)
    cached, views = to_cache(reads, workload.seconds), to_materialise(reads, reader)
    worth = [one for one in views if not one.refused]
    facts = {"to_cache": cached, "to_materialise": worth}
    checks = load_checks(CHECKS)
    unseen = workload.hidden_entries + sum(one.denied for one in reads)
    findings, not_run = run_checks(checks, facts, thresholds)
    rows = tuple(cache_rows(cached[: wanted.limit]))
    of_views = tuple(view_rows(views[: wanted.limit], of.name))
    script = make_script(worth[: wanted.limit], of.name, of.at) if wanted.script else None
    return Report(
        "cache",
        (
            of_those_seen(replace(TO_CACHE, rows=rows), unseen),
            of_those_seen(replace(TO_MATERIALISE, rows=of_views), unseen),
        ),
        tuple(findings),
        (*_skipped(of.user, workload, reads), *not_run),
        tuple(_notes(workload)),
        artifacts=(script,) if script else (),
        examined=tuple(one.name for one in checks),
    )


def _skipped(user: str, workload: Workload, reads: Sequence[Read]) -> Iterator[Skipped]:
    role = user.replace('"', '""')
    if workload.seconds is None:
        yield Skipped(
            "statements",
            "before PostgreSQL 14 it is not known since when the totals count, so that there are "
            "no rates",
            "dbtune cache TARGET --interval 10min",
        )
    if denied := sum(one.denied for one in reads):
        yield Skipped(
            "plans of statements",
            f"{user} may not read the tables of {plural(denied, 'statement')}, and so not plan "
            "them",
            f'GRANT pg_read_all_data TO "{role}";  -- from PostgreSQL 14 on; or SELECT on them',
        )
    if workload.hidden_entries:
        yield Skipped(
            "statements of other roles",
            f"{plural(workload.hidden_entries, 'entry', 'entries')} hidden from {user}",
            f'GRANT pg_read_all_stats TO "{role}";  -- or pg_monitor, which includes it',
        )


def _notes(workload: Workload) -> Iterator[str]:
    if workload.seconds is not None:
        yield f"calls are of {ms_text(workload.seconds * 1000)}"
    yield (
        "savings are estimates: measured times and calls, the planner's costs and statistics; "
        "answers are as old as their TTL, or the view's last refresh"
    )
