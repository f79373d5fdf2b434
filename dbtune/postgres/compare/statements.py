"""Statements of both periods, by what they are to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from dbtune.compare.held import Held, Span
from dbtune.errors import Unavailable
from dbtune.postgres.facts.statements import statements, statements_setup
from dbtune.postgres.sqltext import fingerprint
from dbtune.postgres.statements.facts import Entry, Key, Reading
from dbtune.postgres.statements.group import UNKNOWN_TEXT, group
from dbtune.postgres.statements.interval import difference
from dbtune.statements import Statement
from dbtune.text import plural

Texts = Mapping[Key, str]


class Counted(NamedTuple):
    """Statements of a period.

    Attributes:
        by_key: by fingerprint, apart for those that run inside functions.
        notes: what is missing.
        reading: the later reading.
    """

    by_key: Mapping[str, Statement]
    notes: tuple[str, ...]
    reading: Reading


def texts_of(*held: Held | None) -> dict[Key, str]:
    """Texts that any of a server's snapshots has: not every one needs to hold them."""
    found: dict[Key, str] = {}
    for one in held:
        reading = one.maybe(statements) if one else None
        for entry in reading.entries if reading else ():
            if entry.text is not None:
                found.setdefault(entry.key, entry.text)
    return found


def counted(span: Span, name: str, texts: Texts) -> Counted:
    """Statements of a period.

    Args:
        span: the period.
        name: ``before`` or ``after``, for notes.
        texts: texts of entries that have none here.

    Raises:
        Unavailable: the snapshots have no statements.
    """
    late = span.end.of(statements)
    early = span.start.of(statements) if span.start else None
    setup = span.end.of(statements_setup)
    entries: tuple[Entry, ...] = late.entries
    notes = []
    if early is not None:
        change = difference(early, late)
        entries = change.entries
        notes = list(_notes(name, early, late))
        if change.restarted and not change.was_reset:
            notes.append(
                f"{name}: {plural(change.restarted, 'statement')} were reset or evicted and seen "
                "again: they count from then on"
            )
        if change.vanished and not change.was_reset:
            notes.append(
                f"{name}: {plural(change.vanished, 'statement')} were evicted: what they did in "
                "the period is not known"
            )
    elif late.dealloc:
        notes.append(
            f"{name}: statements were evicted {plural(late.dealloc, 'time')} since the last reset: "
            "what seems new may have run before"
        )
    known = [_with_text(entry, texts) for entry in entries]
    io_timed = setup.settings.get("track_io_timing") == "on"
    found = group(known, setup.block_bytes, io_timed=io_timed)
    return Counted({_key(one): one for one in found}, tuple(notes), late)


def _notes(name: str, early: Reading, late: Reading) -> list[str]:
    if early.stats_reset != late.stats_reset and late.stats_reset is not None:
        when = late.stats_reset.strftime("%Y-%m-%d %H:%M:%S UTC")
        return [f"{name}: pg_stat_statements was reset at {when}: statements count from then on"]
    return []


def _with_text(entry: Entry, texts: Texts) -> Entry:
    if entry.text is not None or entry.key not in texts:
        return entry
    return replace(entry, text=texts[entry.key])


def _key(one: Statement) -> str:
    name = one.text if one.text.startswith(UNKNOWN_TEXT) else fingerprint(one.text)
    return f"nested {name}" if one.nested else name


def missing(spans: tuple[Span, Span]) -> Unavailable | None:
    """Why statements can't be compared, if they can't."""
    for span in spans:
        for held in (span.start, span.end):
            try:
                if held is not None:
                    held.of(statements)
                    held.of(statements_setup)
            except Unavailable as found:
                return found
    return None
