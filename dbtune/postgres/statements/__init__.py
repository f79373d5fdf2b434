"""``slow-queries`` on PostgreSQL: pg_stat_statements, or samples of pg_stat_activity without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from dbtune.errors import Unavailable, UsageError
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report, of_those_seen
from dbtune.statements import Selection, Statement, Wait, Window, narrow, tables
from dbtune.text import ms_text, plural

if TYPE_CHECKING:
    from dbtune.facts import Source
    from dbtune.postgres.server import Server
    from dbtune.postgres.session import Session
    from dbtune.postgres.statements.facts import Entry, Reading, Setup

SAMPLE_SECONDS = 10.0
CHECKS = "dbtune.postgres.statements.checks"


def slow_queries(session: Session, selection: Selection, wait: Wait) -> Report:
    """Rank a PostgreSQL server's statements and find what is wrong with them.

    Args:
        session: an open session.
        selection: order, filters and interval.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke.
    """
    from dbtune.postgres.server import read_server, target
    from dbtune.postgres.statements.collect import read_setup, read_statements
    from dbtune.postgres.statements.enable import why_missing

    server = read_server(session)
    setup = read_setup(session)
    given = _Given(server, setup, selection, session.profile.thresholds)
    try:
        first = read_statements(session, setup, texts=selection.interval_seconds <= 0)
        if selection.interval_seconds > 0:
            wait(selection.interval_seconds, "observing statements")
            second = read_statements(session, setup, texts=True)
            report = _of_interval(first, second, given)
        else:
            report = _of_totals(first, given)
    except Unavailable as missing:
        reason = why_missing(missing, setup, server.provider)
        report = _sampled(session, selection, wait, reason)
    return replace(report, target=target(session, server), collected_at=server.now)


def from_snapshot(
    source: Source, selection: Selection, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    """As :func:`slow_queries`, of the totals that a snapshot holds.

    Raises:
        Unavailable: the snapshot has none.
        UsageError: an interval was asked for, or the file is damaged.
    """
    from dbtune.postgres.facts.server import server
    from dbtune.postgres.facts.statements import statements, statements_setup

    if selection.interval_seconds > 0:
        raise UsageError("--interval needs a server; two snapshots are compared by dbtune compare")
    reading = source.of(statements)
    given = _Given(source.of(server), source.of(statements_setup), selection, thresholds)
    return _of_totals(reading, given)


class _Given(NamedTuple):
    """What a report on statements is made from, beside the statements."""

    server: Server
    setup: Setup
    selection: Selection
    thresholds: Mapping[str, Mapping[str, object]]


def _of_totals(reading: Reading, given: _Given) -> Report:
    since = reading.stats_reset
    window = Window(
        "pg_stat_statements",
        (reading.at - since).total_seconds() if since else None,
        since,
    )
    notes = []
    if since is None:
        notes.append(
            "since when the totals count is not known before PostgreSQL 14, so there are no rates; "
            "use --interval 60s for those"
        )
    if reading.dealloc:
        limit = given.setup.settings.get("pg_stat_statements.max", "?")
        notes.append(
            f"statements were evicted {plural(reading.dealloc, 'time')} since the last reset: rare "
            f"ones are missing (pg_stat_statements.max is {limit}; raising it needs a restart)"
        )
    return _report(reading.entries, reading, window, given, notes)


def _of_interval(first: Reading, second: Reading, given: _Given) -> Report:
    from dbtune.postgres.statements.interval import difference

    change = difference(first, second, given.selection.interval_seconds)
    window = Window("pg_stat_statements (interval)", change.seconds, first.at)
    notes = []
    if change.was_reset:
        notes.append("the statistics were reset meanwhile: everything counts from that reset on")
    if change.restarted and not change.was_reset:
        notes.append(
            f"{plural(change.restarted, 'statement')} were reset or evicted and seen again "
            "meanwhile: they count from then on"
        )
    if change.vanished:
        notes.append(
            f"{plural(change.vanished, 'statement')} were evicted meanwhile; what they did in the "
            "interval is not known"
        )
    return _report(change.entries, second, window, given, notes)


def _report(
    entries: tuple[Entry, ...],
    reading: Reading,
    window: Window,
    given: _Given,
    notes: list[str],
) -> Report:
    from dbtune.postgres.statements.group import group

    setup, selection = given.setup, given.selection
    io_timed = setup.settings.get("track_io_timing") == "on"
    chosen = [
        entry
        for entry in entries
        if (not selection.database or entry.database == selection.database)
        and (not selection.user or entry.user == selection.user)
    ]
    statements = group(chosen, setup.block_bytes, io_timed=io_timed)
    shown = narrow(statements, replace(selection, database="", user=""))
    checks = load_checks(CHECKS)
    facts = {"statements": shown, "window": window, "settings": setup.settings}
    findings, skipped = run_checks(checks, facts, given.thresholds)
    if reading.hidden_entries:
        role = given.server.user.replace('"', '""')
        skipped.append(
            Skipped(
                "statements of other roles",
                f"{plural(reading.hidden_entries, 'entry', 'entries')} hidden from "
                f"{given.server.user}",
                f'GRANT pg_read_all_stats TO "{role}";  -- or pg_monitor, which includes it',
            )
        )
    table, summary = tables(shown, window, selection)
    told = shown
    if reading.texts_missing:
        skipped.append(Skipped("texts of statements", reading.texts_missing, reading.texts_remedy))
        told = []
    notes += _setting_notes(setup, given.server.version // 10000, told, io_timed=io_timed)
    return Report(
        "slow-queries",
        (of_those_seen(table, reading.hidden_entries), summary),
        tuple(findings),
        tuple(skipped),
        tuple(notes),
        examined=tuple(check.name for check in checks),
    )


def _setting_notes(
    setup: Setup, major: int, shown: list[Statement], *, io_timed: bool
) -> list[str]:
    from dbtune.postgres.statements.facts import TEXT_LIMIT
    from dbtune.postgres.statements.group import UNKNOWN_TEXT

    settings = setup.settings
    notes = []
    if not io_timed:
        notes.append("track_io_timing is off: no I/O times (ALTER SYSTEM SET track_io_timing = on)")
    if settings.get("pg_stat_statements.track_planning") == "off":
        notes.append("pg_stat_statements.track_planning is off: planning times are not kept")
    if settings.get("pg_stat_statements.track") == "none":
        notes.append("pg_stat_statements.track is none: nothing new is counted")
    if major < 14 and settings.get("pg_stat_statements.track") == "all":
        notes.append("pg_stat_statements.track is all: time inside functions is counted twice")
    cut = sum(len(one.text) >= TEXT_LIMIT for one in shown)
    if cut:
        notes.append(f"{plural(cut, 'text')} cut at {TEXT_LIMIT:,} characters")
    lost = sum(one.text.startswith(UNKNOWN_TEXT) for one in shown)
    if lost:
        notes.append(
            f"{plural(lost, 'statement')} without text: the server's file of texts was too large "
            "or damaged, or there are more statements than dbtune reads texts for"
        )
    return notes


def _sampled(session: Session, selection: Selection, wait: Wait, reason: Unavailable) -> Report:
    from dbtune.postgres.statements.sampling import share_error, statements_from, take_samples

    seconds = selection.interval_seconds or SAMPLE_SECONDS
    samples = take_samples(session, seconds, wait)
    statements = statements_from(samples)
    shown = narrow(statements, selection)
    window = Window("pg_stat_activity (sampled)", samples.seconds, sampled=True)
    error = f"shares are within ±{100 * share_error(statements, samples):.0f} points (95 %), "
    notes = [
        f"sampled {samples.count} times in {ms_text(samples.seconds * 1000)}: "
        f"{error if statements else ''}calls are a lower bound; no checks run on samples",
    ]
    if samples.idle_in_transaction >= 0.5:
        notes.append(
            f"{samples.idle_in_transaction:.1f} sessions were idle in transaction on average"
        )
    skipped = [Skipped("pg_stat_statements", reason.reason, reason.remedy)]
    if samples.hidden:
        role = session.user.replace('"', '""')
        skipped.append(
            Skipped(
                "statements of other roles",
                f"hidden from {session.user}",
                f'GRANT pg_read_all_stats TO "{role}";  -- or pg_monitor, which includes it',
            )
        )
    table, summary = tables(shown, window, selection)
    if not statements:
        empty = f"no statement was running in {samples.count} samples"
        table = replace(table, empty=empty)
    return Report("slow-queries", (table, summary), (), tuple(skipped), tuple(notes))
