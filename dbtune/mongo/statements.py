"""``slow-queries`` on MongoDB: $queryStats where there is that, system.profile, or $currentOp.

$currentOp is sampled where nothing has recorded anything.

What it needs is written in :mod:`dbtune.mongo.session`; a user with less gets what it may read, and
the report says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.mongo.shellprint import database_text
from dbtune.report import Report, Row
from dbtune.statements import Order, Selection, Wait, Window, narrow, tables
from dbtune.text import count_text, ms_text, plain, plural, ratio_text

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.mongo.operations import Query
    from dbtune.mongo.profiler import Profiler, Recorded
    from dbtune.mongo.session import Session

SAMPLE_SECONDS = 10.0
CHECKS = "dbtune.mongo.checks"

Thresholds = Mapping[str, Mapping[str, object]]
_MEASURES = {
    # Of the other orders, every source tells something.
    Order.rows: "rows",
    Order.io: "read_bytes",
    Order.temp: "temp_bytes",
    Order.wal: "wal_bytes",
    Order.planning: "planning_ms",
    Order.jit: "jit_ms",
}


def slow_queries(session: Session, selection: Selection, wait: Wait) -> Report:
    """Rank a MongoDB server's operations by shape and find what is wrong with them.

    Args:
        session: an open session.
        selection: order, filters and interval.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke, or this user may read nothing at all.
    """
    databases = _databases(session, selection)
    notes = []
    if databases == [session.database] and not selection.database:
        selection = replace(selection, database=session.database)
        notes.append(
            f"only database {session.database} was examined, as the URL names it; others: "
            "--database NAME, or a URL without one (its user's database then goes into authSource)"
        )
    report, skipped = _of_query_stats(session, selection, wait, databases)
    if report is None:
        report, more = _of_the_rest(session, selection, wait, databases)
        skipped += more
    return replace(
        report,
        target=session.target(),
        collected_at=session.now(),
        skipped=(*skipped, *report.skipped),
        notes=(*report.notes, *_order_notes(selection.order, report.tables[0].rows), *notes),
    )


def _of_query_stats(
    session: Session, selection: Selection, wait: Wait, databases: Sequence[str]
) -> tuple[Report | None, list[Skipped]]:
    """What ``$queryStats`` has counted; ``None`` if the server has none, or nothing in it."""
    from dbtune.mongo.query_stats import changed, queries, read_query_stats, since

    if selection.user:  # it does not tell whose they were
        return None, []
    try:
        entries, start = read_query_stats(session), session.now()
        if not entries:
            return None, []
        if selection.interval_seconds > 0:
            wait(selection.interval_seconds, "observing operations")
            entries = dict(changed(entries, read_query_stats(session)))
    except Unavailable as missing:
        # That a server has no such stage is no news; that somebody may not use it is.
        told = [Skipped("$queryStats", missing.reason, missing.remedy)] if missing.remedy else []
        return None, told
    first, source = since(entries) or start, "$queryStats"
    if selection.interval_seconds > 0:
        first, source = start, "$queryStats (interval)"
    window = Window(source, max((session.now() - first).total_seconds(), 1e-3), first)
    found = [one for one in queries(entries) if one.shape.namespace.partition(".")[0] in databases]
    note = (
        "$queryStats counts find, aggregate and distinct, however fast, but no writes: the "
        "profiler records those; MongoDB does not promise to keep it as it is"
    )
    return replace(_judged(session.profile.thresholds, selection, found, window), notes=(note,)), []


def _of_the_rest(
    session: Session, selection: Selection, wait: Wait, databases: Sequence[str]
) -> tuple[Report, list[Skipped]]:
    """What the profilers recorded, or samples of what runs."""
    profilers, skipped = _profilers(session, databases)
    recording = any(one.level for one in profilers)
    start = session.now()
    if recording and selection.interval_seconds > 0:
        wait(selection.interval_seconds, "observing operations")
    recorded = _recorded(session, selection, profilers, start)
    skipped += [
        Skipped(f"system.profile of {name}", missing.reason, missing.remedy)
        for name, missing in recorded.unreadable.items()
    ]
    if not recording and not recorded.queries:
        return _sampled(session, selection, wait, profilers), skipped
    window = _window(selection, recorded, start, session.now())
    report = _judged(session.profile.thresholds, selection, recorded.queries, window)
    notes = tuple(_profiler_notes(session.role, profilers, recorded))
    return replace(report, notes=notes), skipped


def from_snapshot(snapshot: Snapshot, selection: Selection, thresholds: Thresholds) -> Report:
    """As :func:`slow_queries`, of the operations that a snapshot holds.

    Raises:
        UsageError: the snapshot has none, an interval was asked for, or the file is damaged.
    """
    from dbtune.mongo.facts.operations import MOST, operations
    from dbtune.mongo.operations import queries
    from dbtune.mongo.profiler import Recorded

    if selection.interval_seconds > 0:
        raise UsageError("--interval needs a server; two snapshots are compared by dbtune compare")
    try:
        found = snapshot.of(operations)
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name} has no statements: {missing.reason}") from None
    kept = [
        one
        for one in found.operations
        if selection.database in ("", one.shape.namespace.partition(".")[0])
        and selection.user in ("", one.user, one.user.rpartition("@")[0])
    ]
    since = min((one.at for one in kept if one.at is not None), default=found.at)
    recorded = Recorded(queries(kept), since, list(found.full), most=MOST)
    window = Window("system.profile", max((found.at - since).total_seconds(), 1e-3), since)
    report = _judged(thresholds, selection, recorded.queries, window)
    unread = (Skipped(f"system.profile of {one}", why) for one, why in found.unreadable.items())
    report = replace(
        report,
        skipped=(*unread, *report.skipped),
        notes=(
            *_profiler_notes(found.role, found.profilers, recorded),
            *_order_notes(selection.order, report.tables[0].rows),
        ),
    )
    return snapshot.described(report)


def _recorded(
    session: Session, selection: Selection, profilers: Sequence[Profiler], start: datetime
) -> Recorded:
    """What was recorded since the start of the interval, or ever."""
    from dbtune.mongo.profiler import read_recorded

    interval = selection.interval_seconds > 0
    return read_recorded(
        session,
        [one.database for one in profilers if one.level or not interval],
        after=start if interval else None,
        user=selection.user,
    )


def _window(selection: Selection, recorded: Recorded, start: datetime, end: datetime) -> Window:
    if selection.interval_seconds > 0:
        since, source = start, "system.profile (interval)"
    else:
        since, source = recorded.since or end, "system.profile"
    return Window(source, max((end - since).total_seconds(), 1e-3), since)


def _databases(session: Session, selection: Selection) -> list[str]:
    """Databases whose profilers are asked: the one that is named, else all but internal ones.

    A URL's database is often only where its user lives: then there is nothing in it to see.

    Raises:
        UsageError: ``--database`` names one that is not there.
        TargetError: this member tells none.
    """
    from dbtune.mongo.session import INTERNAL

    try:
        visible = session.database_names()
    except Unavailable as missing:
        raise TargetError(f"nothing can be read: {missing.reason}\n{missing.remedy}") from None
    if selection.database:
        if selection.database not in visible:
            known = ", ".join(visible) or "none"
            raise UsageError(
                f"{session.user or 'this user'} sees no database {plain(selection.database)!r}; "
                f"it sees: {plain(known)}"
            )
        return [selection.database]
    if session.database in visible and session.database not in INTERNAL:
        return [session.database]
    return [name for name in visible if name not in INTERNAL]


def _profilers(session: Session, databases: Sequence[str]) -> tuple[list[Profiler], list[Skipped]]:
    from dbtune.mongo.profiler import read_profiler

    if session.role == "mongos":
        reason = "a mongos has no profiler: it is kept by each shard's members; name one of those"
        return [], [Skipped("system.profile", reason)]
    found: list[Profiler] = []
    refused: dict[tuple[str, str], list[str]] = {}
    for name in databases:
        try:
            found.append(read_profiler(session, name))
        except Unavailable as missing:
            refused.setdefault((missing.reason, missing.remedy), []).append(name)
    return found, [
        Skipped(f"system.profile of {_some(names)}", reason, remedy)
        for (reason, remedy), names in refused.items()
    ]


def _judged(
    thresholds: Thresholds, selection: Selection, found: Sequence[Query], window: Window
) -> Report:
    by_text = {one.statement.text: one for one in found}
    narrowed = narrow([one.statement for one in found], replace(selection, database="", user=""))
    shown = [by_text[one.text] for one in narrowed]
    findings, skipped = run_checks(load_checks(CHECKS), {"queries": shown}, thresholds)
    return Report(
        "slow-queries",
        tables(narrowed, window, selection),
        tuple(findings),
        tuple(skipped),
    )


def _profiler_notes(role: str, profilers: Sequence[Profiler], recorded: Recorded) -> Iterator[str]:
    """What the numbers leave out."""
    for (level, slow_ms, ratio, filtered), names in _alike(profilers).items():
        where = _some(names)
        if level == 0:
            yield f"the profiler is off in {where}: what happens there is not recorded now"
        elif filtered:
            yield (
                f"the profiler of {where} records what its filter lets through: calls and totals "
                "are of those only"
            )
        elif level == 1:
            share = "" if ratio >= 1 else f", and only {ratio_text(ratio)} of those"
            yield (
                f"the profiler of {where} records operations over {ms_text(slow_ms)}{share}: "
                "calls and totals are of those only"
            )
        else:
            yield (
                f"the profiler of {where} records every operation (level 2), which costs a write "
                f"each: {database_text(names[0])}.setProfilingLevel(1) keeps the slow ones"
            )
    found = recorded.queries
    for name in recorded.full:
        yield f"{name}: only the newest {count_text(recorded.most)} operations were read"
    truncated = sum(one.statement.calls for one in found if one.shape.truncated)
    if truncated:
        yield (
            f"{plural(round(truncated), 'command')} over 50 kB: the server keeps only their "
            "beginning, so they are told apart by its hash of the query"
        )
    failures = sum(one.failures for one in found)
    if failures:
        yield f"{plural(failures, 'call')} ended with an error, and are counted"
    if found:
        yield (
            "system.profile is a capped collection: once full (1 MB by default), new operations "
            "overwrite old ones; its times are whole milliseconds"
        )
    if role in ("primary", "secondary"):
        yield f"only this {role} was read: other members keep a profile of their own"


def _alike(
    profilers: Sequence[Profiler],
) -> dict[tuple[int, float, float, bool], list[str]]:
    """Databases by how their profilers are set."""
    groups: dict[tuple[int, float, float, bool], list[str]] = {}
    for one in profilers:
        key = (one.level, one.slow_ms, one.sample_ratio, one.filtered)
        key = key if one.level else (0, 0, 1, False)
        groups.setdefault(key, []).append(one.database)
    return groups


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")


def _sampled(
    session: Session,
    selection: Selection,
    wait: Wait,
    profilers: Sequence[Profiler],
) -> Report:
    from dbtune.mongo.profiler import how_to_enable
    from dbtune.mongo.sampling import take_samples

    seconds = selection.interval_seconds or SAMPLE_SECONDS
    try:
        samples = take_samples(session, seconds, wait, selection.user)
    except Unavailable as missing:
        if profilers:
            reason = how_to_enable([one.database for one in profilers])
            raise TargetError(
                f"nothing to report: {reason.reason}\n{reason.remedy}\n"
                f"and what runs now can't be sampled: {missing.reason}\n{missing.remedy}"
            ) from None
        raise TargetError(
            f"nothing can be read: {missing.reason}, and no system.profile\n{missing.remedy}"
        ) from None
    statements = samples.statements()
    shown = narrow(statements, replace(selection, user=""))
    window = Window("$currentOp (sampled)", samples.seconds, sampled=True)
    table, summary = tables(shown, window, selection)
    if not statements:
        table = replace(table, empty=f"no operation was running in {samples.count} samples")
    notes = [
        f"sampled {plural(samples.count, 'time')} in {ms_text(samples.seconds * 1000)}: times are "
        "estimates, calls are a lower bound; no checks run on samples"
    ]
    skipped = []
    if profilers:
        off = how_to_enable([one.database for one in profilers])
        skipped.append(Skipped("system.profile", off.reason, off.remedy))
    return Report("slow-queries", (table, summary), (), tuple(skipped), tuple(notes))


def _order_notes(order: Order, rows: Sequence[Row]) -> Iterator[str]:
    """That the table is not in the order that was asked for, because nothing tells it."""
    measure = _MEASURES.get(order)
    if rows and measure and all(row[measure] is None for row in rows):
        yield f"MongoDB tells no {order.value} of these: ranked by total time instead"
