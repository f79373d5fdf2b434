"""What a snapshot of PostgreSQL leaves out: texts and values that may be somebody's data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.snapshots import Progress, Strip, take

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.session import Session
    from dbtune.postgres.statements.facts import Entry, Reading


def snapshot(session: Session, *, texts: bool, progress: Progress) -> Snapshot:
    """All facts of a server as the session's role sees it.

    Args:
        session: an open session.
        texts: whether to keep statements' texts; constants in them are masked.
        progress: told which share of the facts is read.

    Raises:
        TargetError: the connection broke.
    """
    strip: dict[str, Strip] = {"statements": _masked if texts else _without_texts}
    return take(session, strip=strip, progress=progress)


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
    from dbtune.postgres.statements.group import is_own

    return (entry for entry in reading.entries if not is_own(entry))


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
