"""Where a workload's statements are read: pg_stat_statements, its totals or an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable
from dbtune.postgres.indexes.workload import Workload, from_statements
from dbtune.text import plain, plural

if TYPE_CHECKING:
    from dbtune.postgres.server import Server
    from dbtune.postgres.session import Session
    from dbtune.postgres.statements.facts import Entry, Reading, Setup
    from dbtune.statements import Wait


def of_server(
    session: Session, server: Server, source: str, interval_seconds: float, wait: Wait
) -> Workload:
    """The statements that pg_stat_statements has counted in the session's database.

    Args:
        session: an open session.
        server: what it is.
        source: what to call this in the report.
        interval_seconds: observe for so long; 0 takes the totals.
        wait: called to let time pass.

    Raises:
        Unavailable: the extension can't be read; its remedy says how it is had.
        TargetError: the connection broke.
    """
    from dbtune.postgres.statements.collect import read_setup, read_statements
    from dbtune.postgres.statements.enable import why_missing
    from dbtune.postgres.statements.interval import difference

    setup = read_setup(session)
    try:
        reading = read_statements(session, setup, texts=interval_seconds <= 0)
    except Unavailable as missing:
        raise why_missing(missing, setup, server.provider) from None
    if interval_seconds <= 0:
        reading.require_texts()
        return of_totals(reading, setup, server, session.database, source)
    wait(interval_seconds, "observing statements")
    second = read_statements(session, setup, texts=True)
    second.require_texts()
    change = difference(reading, second, interval_seconds)
    found = _of_entries(change.entries, setup, session.database, source, change.seconds)
    return _with_notes(found, second, server)


def of_totals(
    reading: Reading, setup: Setup, server: Server, database: str, source: str
) -> Workload:
    """The statements of one database since pg_stat_statements was reset."""
    since = reading.stats_reset
    seconds = (reading.at - since).total_seconds() if since else None
    found = _of_entries(reading.entries, setup, database, source, seconds)
    if reading.dealloc:
        evicted = (
            f"statements were evicted {plural(reading.dealloc, 'time')} since the last reset: rare "
            "ones are missing (pg_stat_statements.max)"
        )
        found = replace(found, notes=(*found.notes, evicted))
    return _with_notes(found, reading, server)


def _of_entries(
    entries: Sequence[Entry], setup: Setup, database: str, source: str, seconds: float | None
) -> Workload:
    from dbtune.postgres.statements.facts import TEXT_LIMIT
    from dbtune.postgres.statements.group import group

    here = [entry for entry in entries if entry.database == database]
    statements = group(here, setup.block_bytes, io_timed=False)
    return from_statements(statements, source, seconds, text_limit=TEXT_LIMIT)


def _with_notes(workload: Workload, reading: Reading, server: Server) -> Workload:
    if not reading.hidden_entries:
        return workload
    hidden = plural(reading.hidden_entries, "statement")
    note = (
        f"{hidden} of other roles are hidden from {plain(server.user)}: pg_monitor or "
        "pg_read_all_stats shows them"
    )
    return replace(workload, notes=(*workload.notes, note))
