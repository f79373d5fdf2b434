"""What a snapshot of PostgreSQL leaves out: texts and values that may be somebody's data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dbtune.snapshots import Progress, Strip, take

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.session import Session
    from dbtune.postgres.statements.facts import Entry, Key, Reading
    from dbtune.watch.pace import Pace


LIGHT_TEXTS = 500
"""Statements, those with the most time first, whose text a light snapshot has."""


def snapshot(
    session: Session,
    *,
    texts: bool,
    progress: Progress,
    instead: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
) -> Snapshot:
    """All facts of a server as the session's role sees it.

    Args:
        session: an open session.
        texts: whether to keep statements' texts; constants in them are masked.
        instead: other ways to read facts, by name of the fact.
        progress: told which share of the facts is read.

    Raises:
        TargetError: the connection broke.
    """
    strip: dict[str, Strip] = {"statements": _masked if texts else _without_texts}
    return take(session, strip=strip, instead=instead, progress=progress)


def _without_texts(reading: Reading) -> Reading:
    entries = tuple(replace(entry, text=None) for entry in _of_others(reading))
    return replace(reading, entries=entries)


def _masked(reading: Reading) -> Reading:
    entries = tuple(
        entry if entry.text is None else replace(entry, text=_without_constants(entry.text))
        for entry in _of_others(reading)
    )
    return replace(reading, entries=entries)


def _of_others(reading: Reading) -> Iterator[Entry]:
    """Without dbtune's own statements, which nothing would tell apart once comments are gone."""
    return (entry for entry in reading.entries if not entry.is_own)


class Light:
    """Snapshots of one server again and again, at a cost that it does not feel.

    Texts are read only when there are statements whose text is not known, and of those with the
    most time only so many are kept in each snapshot; of columns no statistics are read.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._texts: dict[Key, str] = {}
        self._own: set[Key] = set()

    def snapshot(self, session: Session, progress: Progress = lambda _done: None) -> Snapshot:
        """What is due of a server's facts.

        Raises:
            TargetError: the connection broke.
        """
        from dbtune.postgres.relations.collect import read_relations

        return take(
            session,
            instead={
                "statements": self._statements,
                "relations": lambda session: read_relations(session, statistics=False),
            },
            pace=self._pace,
            progress=progress,
        )

    def _statements(self, session: Session) -> Reading:
        from dbtune.postgres.statements.collect import read_setup, read_statements

        setup = read_setup(session)
        reading = read_statements(session, setup, texts=False)
        keys = {entry.key for entry in reading.entries}
        if keys - self._texts.keys() - self._own and self._pace.due("texts"):
            with self._pace.reading("texts"):
                reading = read_statements(session, setup, texts=True)
            keys = {entry.key for entry in reading.entries}
            for entry in reading.entries:
                if entry.is_own:
                    self._own.add(entry.key)
                elif entry.text is not None and entry.key not in self._texts:
                    self._texts[entry.key] = _without_constants(entry.text)
        self._own &= keys
        self._texts = {key: text for key, text in self._texts.items() if key in keys}
        entries = sorted(
            (entry for entry in reading.entries if entry.key not in self._own),
            key=lambda entry: -entry.total_ms,
        )
        told = (
            replace(entry, text=self._texts.get(entry.key) if place < LIGHT_TEXTS else None)
            for place, entry in enumerate(entries)
        )
        return replace(reading, entries=tuple(told))


_TYPE_MODIFIER = re.compile(
    r"\b(numeric|decimal|varchar|char|character|varying|bpchar|bit|timestamp|timestamptz|time"
    r"|timetz|interval|float|vector)\s*(\(\s*\d+\s*(?:,\s*-?\d+\s*)?\))",
    re.IGNORECASE,
)


def _without_constants(text: str) -> str:
    """Mask what pg_stat_statements left: constants of utility statements, passwords among them.

    The modifiers of types are no data, and without them a cast could not be parsed again.
    """
    from dbtune.postgres.sqltext import masked

    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[2])
        return f"{match[1]} dbtune_modifier_{len(kept) - 1}_"

    safe = masked(_TYPE_MODIFIER.sub(keep, text))
    return re.sub(r" ?dbtune_modifier_(\d+)_", lambda match: kept[int(match[1])], safe)
