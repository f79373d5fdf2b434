"""``slow-queries`` on Redis: SLOWLOG, or the totals of INFO commandstats where it has nothing.

What it needs is written in :mod:`dbtune.redis.session`; a user with less gets what it may read, and
the report says what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dbtune.errors import TargetError, Unavailable
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report
from dbtune.statements import Order, Selection, Wait, Window, narrow, tables
from dbtune.text import count_text, ms_text, plural

if TYPE_CHECKING:
    from dbtune.finding import Finding
    from dbtune.redis.commandstats import Total
    from dbtune.redis.facts.info import Info
    from dbtune.redis.session import Session
    from dbtune.redis.slowlog import Slowlog

CHECKS = "dbtune.redis.checks"

ORDERED_BY = {
    Order.total: "total_ms",
    Order.mean: "mean_ms",
    Order.max: "max_ms",
    Order.calls: "calls",
}
"""Columns by which statements can be ranked."""
_TURN_ON = (
    "CONFIG SET slowlog-log-slower-than 10000  # microseconds; no restart\n"
    "CONFIG SET slowlog-max-len 1024           # about 4 kB each at most\n"
    "CONFIG REWRITE                            # to keep both after a restart"
)


def slow_queries(session: Session, selection: Selection, wait: Wait) -> Report:
    """Rank a Redis server's slow commands by key pattern and find what is wrong with them.

    Args:
        session: an open session.
        selection: order, filters and interval.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke, or this user may read nothing at all.
    """
    start = datetime.now(UTC)
    first = _read(session)
    sent = session.sent.copy() if selection.interval_seconds > 0 else Counter[str]()
    before = _totals(session) if selection.interval_seconds > 0 else {}
    info = _info(session)
    slowlog, lost, skipped = first.slowlog, 0, first.skipped
    if selection.interval_seconds > 0:
        wait(selection.interval_seconds, "observing commands")
        info = _info(session, info)
        second = _read(session)
        skipped = second.skipped
        if first.slowlog is not None and second.slowlog is not None:
            from dbtune.redis.slowlog import after

            slowlog, lost = after(second.slowlog, first.slowlog.newest)
    if slowlog is not None and slowlog.entries:
        report = _of_slowlog(session, selection, slowlog, start)
    else:
        report = _of_totals(session, selection, (before, sent), start, skipped)
    report = replace(report, findings=(*report.findings, *_on_info(session, info)))
    notes = [*report.notes, *_slowlog_notes(slowlog, lost, selection)]
    return replace(
        report,
        target=session.target(),
        collected_at=datetime.now(UTC),
        skipped=(*skipped, *report.skipped),
        notes=(*notes, *_selection_notes(session, selection)),
    )


class _Reading:
    """SLOWLOG and its settings, as far as they can be read."""

    def __init__(self) -> None:
        self.slowlog: Slowlog | None = None
        self.skipped: list[Skipped] = []


def _read(session: Session) -> _Reading:
    from dbtune.redis.slowlog import read_slowlog

    reading = _Reading()
    settings: dict[str, str] = {}
    try:
        settings = session.config("slowlog-*")
    except Unavailable as missing:
        reason = f"{missing.reason}: what counts as slow, and how much is kept, is not known"
        reading.skipped.append(Skipped("slowlog settings", reason, missing.remedy))
    try:
        reading.slowlog = read_slowlog(session, settings)
    except Unavailable as missing:
        reading.skipped.append(Skipped("SLOWLOG", missing.reason, missing.remedy))
    else:
        if (reading.slowlog.threshold_us or 0) < 0:
            reason = "it is off: slowlog-log-slower-than is negative"
            reading.skipped.append(Skipped("SLOWLOG", reason, _TURN_ON))
        elif reading.slowlog.max_entries == 0:
            reading.skipped.append(Skipped("SLOWLOG", "slowlog-max-len is 0", _TURN_ON))
    return reading


def _info(session: Session, first: Info | None = None) -> Info | None:
    """INFO; what it counted since a first reading."""
    from dbtune.redis.facts.info import info as fact

    try:
        found = fact.read(session)
    except Unavailable:
        return None
    assert fact.between is not None
    return fact.between(first, found) if first else found


def _on_info(session: Session, info: Info | None) -> list[Finding]:
    """What the server's counters alone tell of the commands."""
    if info is None:
        return []
    checks = [one for one in load_checks(CHECKS) if one.needs == ("info",)]
    return run_checks(checks, {"info": info}, session.profile.thresholds)[0]


def _totals(session: Session) -> dict[str, Total]:
    from dbtune.redis.commandstats import read_totals

    try:
        return read_totals(session)
    except Unavailable:
        return {}  # asked for again where it is needed; then it is said


def _of_slowlog(
    session: Session, selection: Selection, slowlog: Slowlog, start: datetime
) -> Report:
    from dbtune.redis.slowlog import slow_commands

    interval = selection.interval_seconds > 0
    since = start if interval else slowlog.since or slowlog.at
    source = "SLOWLOG (interval)" if interval else "SLOWLOG"
    window = Window(source, max((slowlog.at - since).total_seconds(), 1.0), since)
    commands = slow_commands(slowlog.entries)
    shown = narrow([one.statement for one in commands], replace(selection, database="", user=""))
    chosen = {(one.text, one.nested) for one in shown}
    facts = {
        "commands": [
            one for one in commands if (one.statement.text, one.statement.nested) in chosen
        ],
        "slowlog": slowlog,
    }
    checks = [one for one in load_checks(CHECKS) if one.needs != ("info",)]
    findings, skipped = run_checks(checks, facts, session.profile.thresholds)
    return Report("slow-queries", tables(shown, window, selection), tuple(findings), tuple(skipped))


def _of_totals(
    session: Session,
    selection: Selection,
    before: tuple[dict[str, Total], Counter[str]],
    start: datetime,
    skipped: Sequence[Skipped],
) -> Report:
    from dbtune.redis.commandstats import read_totals, statements_between

    sent = session.sent - before[1]
    try:
        totals = read_totals(session)
    except Unavailable as missing:
        if any(one.what == "SLOWLOG" for one in skipped):
            refused = [(one.reason, one.remedy) for one in skipped if one.what == "SLOWLOG"]
            refused.append((missing.reason, missing.remedy))
            raise TargetError(
                f"nothing can be read: {'; '.join(reason for reason, _ in refused)}\n"
                + "\n".join(remedy for _, remedy in refused if remedy)
            ) from None
        empty = tables([], Window("SLOWLOG"), selection)
        lacking = Skipped("INFO commandstats", missing.reason, missing.remedy)
        return Report("slow-queries", empty, (), (lacking,))
    now = datetime.now(UTC)
    if selection.interval_seconds > 0:
        window = Window("INFO commandstats (interval)", (now - start).total_seconds(), start)
        note = "no command was slow enough for SLOWLOG meanwhile; these are all commands, by name"
    else:
        uptime = session.info.get("uptime_in_seconds", "")
        seconds = float(uptime) if uptime.isdecimal() else None
        since = now - timedelta(seconds=seconds) if seconds else None
        window = Window("INFO commandstats", seconds, since)
        note = (
            "SLOWLOG has no entry; these are the totals of all commands, without keys, since the "
            "server started (or since CONFIG RESETSTAT)"
        )
    statements = statements_between(before[0], totals, sent)
    shown = narrow(statements, replace(selection, database="", user=""))
    return Report("slow-queries", tables(shown, window, selection), notes=(note,))


def _slowlog_notes(slowlog: Slowlog | None, lost: int, selection: Selection) -> Iterator[str]:
    """What SLOWLOG's numbers mean and leave out."""
    from dbtune.redis.slowlog import MAX_ENTRIES

    if slowlog is None:
        return
    if slowlog.threshold_us == 0:
        yield "slowlog-log-slower-than is 0: every command is kept, so that slow ones soon go"
    elif slowlog.threshold_us is not None and slowlog.threshold_us > 0:
        yield (
            f"SLOWLOG keeps commands that ran for {ms_text(slowlog.threshold_us / 1000)} or more "
            "(slowlog-log-slower-than)"
            + (": calls and totals are of those only" if slowlog.entries else "")
        )
    if slowlog.entries:
        yield (
            "times are of execution only: waiting in line behind other commands, and the network, "
            "come on top of what a client sees"
        )
    if selection.interval_seconds > 0 and lost:
        yield f"{plural(lost, 'entry', 'entries')} came and were driven out meanwhile: not counted"
    elif selection.interval_seconds <= 0 and slowlog.lost and slowlog.read:
        gone = f"{plural(slowlog.lost, 'older entry', 'older entries')}"
        if slowlog.read >= MAX_ENTRIES:
            yield f"only the newest {count_text(MAX_ENTRIES)} entries were read"
        else:
            limit = slowlog.max_entries
            room = f": it has room for {count_text(limit)}" if limit and slowlog.is_full else ""
            yield f"{gone} were driven out or reset since the server started{room}"
    if any(one.nested for one in slowlog.entries):
        yield "commands that a script called stand apart: their time is in the script's, too"


def _selection_notes(session: Session, selection: Selection) -> Iterator[str]:
    if selection.order not in ORDERED_BY:
        yield f"Redis does not tell {selection.order.value}: ranked by total time instead"
    if selection.user:
        yield "--user was not applied: SLOWLOG does not tell which user ran a command"
    if selection.database:
        yield "--database was not applied: SLOWLOG covers all databases and does not tell which"
    if session.role == "cluster" and not session.node:
        yield "only this node of the cluster was read: each keeps a SLOWLOG of its own"
    elif session.role == "replica":
        yield "this is a replica: what ran on its master is not here"
