"""Advice as a report: a table, the ALTER TABLE script, and the script that takes it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dbtune import __version__
from dbtune.errors import Unavailable, UsageError
from dbtune.facts import Live, Source
from dbtune.finding import Skipped
from dbtune.postgres.facts.bloat import relation_sizes
from dbtune.postgres.facts.moved_updates import moved_updates
from dbtune.postgres.facts.relations import relations as relations_fact
from dbtune.postgres.table_settings.model import LEAST_SECONDS, Advice, Known, advise
from dbtune.postgres.table_settings.table import SETTINGS
from dbtune.report import Artifact, Report, Table
from dbtune.text import ms_text, plural, visible

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.session import Session


def of_session(session: Session, min_bytes: int) -> Report:
    """For a server.

    Raises:
        UsageError: sizes or tables can't be read.
        TargetError: the connection broke.
    """
    from dataclasses import replace

    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    made = _report(Live(session), min_bytes, session.profile.name)
    return replace(made, target=target(session, server), collected_at=server.now)


def of_snapshot(snapshot: Snapshot, min_bytes: int) -> Report:
    """For a snapshot. Raises as :func:`of_session`."""
    return snapshot.described(_report(snapshot, min_bytes, snapshot.name))


def _report(source: Source, min_bytes: int, name: str) -> Report:
    try:
        sizes, tables = source.of(relation_sizes), source.of(relations_fact)
    except Unavailable as missing:
        raise UsageError(f"{name}: {missing}") from None
    skipped: list[Skipped] = []
    moved: Mapping[int, int] | None = None
    try:
        moved = source.of(moved_updates).by_table
    except Unavailable as missing:
        skipped.append(Skipped("updates that moved to another page", missing.reason))
    known = Known(sizes, tables, moved, min_bytes)
    found = advise(known)
    return Report(
        "gen-config tables",
        tables=(_table(found),),
        skipped=tuple(skipped),
        notes=tuple(_notes(known, found)),
        artifacts=artifacts(found, sizes.database),
    )


def _table(found: Sequence[Advice]) -> Table:
    rows = tuple(
        {
            "table": f"{one.relation.schema}.{one.relation.name}",
            "column": one.column or None,
            "setting": one.option,
            "old_value": one.old,
            "value": one.value,
            "reason": one.reason,
            "confidence": one.confidence.value,
            "effect": one.effect or None,
            "check": one.check or None,
            "sql": one.sql,
            "undo": one.undo,
            "size_bytes": one.relation.size_bytes,
            "evidence": dict(one.evidence),
        }
        for one in found
    )
    return Table(SETTINGS.name, SETTINGS.title, SETTINGS.columns, rows, empty=SETTINGS.empty)


def _notes(known: Known, found: Sequence[Advice]) -> Iterator[str]:
    if known.sizes.standby:
        yield (
            "a standby counts no changes of its own: what hangs on them is advised on the primary"
        )
    seconds = known.seconds
    if seconds is None or seconds < LEAST_SECONDS:
        time = "for an unknown time" if seconds is None else f"for {ms_text(seconds * 1000)} only"
        yield f"changes were counted {time}: rates, and what hangs on them, are left out"
    if doubtful := sum(bool(one.check) for one in found):
        yield f"{plural(doubtful, 'setting')} commented out until the check beside it says yes"


def artifacts(found: Sequence[Advice], database: str) -> tuple[Artifact, Artifact]:
    """The script and its undo, as psql takes them."""
    where = visible(database)
    do = [
        f"-- Settings of tables in the database {where}, by dbtune {__version__}. Each takes a",
        "-- SHARE UPDATE EXCLUSIVE lock for a moment: reading and writing go on, and if VACUUM or",
        "-- ANALYZE is at the table, the statement gives up. The other script takes them back.",
        "SET lock_timeout = '2s';",
    ]
    undo = [f"-- Takes the settings of tables in the database {where} back."]
    undo.append("SET lock_timeout = '2s';")
    if not found:
        do.append("-- Nothing is worth setting.")
    for why, group in _by_reason(found).items():
        do.append("")
        first = group[0]
        do += _comment(f"{first.relation.schema}.{first.relation.name}: {why[1]}")
        do += _comment(
            f"  {first.confidence.value}" + (f"; {first.effect}" if first.effect else "")
        )
        for one in group:
            if one.check:
                do += [f"-- {line}" for line in _lines(one.check.removeprefix("-- "))]
                do += [f"-- {line}" for line in _lines(one.sql)]
                undo += [f"-- {line}" for line in _lines(one.undo)]
            else:
                do.append(one.sql)
                undo.append(one.undo)
    return (
        Artifact("table-settings.sql", "\n".join(do) + "\n", "sql"),
        Artifact("table-settings-undo.sql", "\n".join(undo) + "\n", "sql"),
    )


def _by_reason(found: Sequence[Advice]) -> dict[tuple[int, str], list[Advice]]:
    groups: dict[tuple[int, str], list[Advice]] = defaultdict(list)
    for one in found:
        groups[one.relation.oid, one.reason].append(one)
    return groups


def _comment(text: str) -> list[str]:
    return [f"-- {line}" for line in _lines(visible(text))]


def _lines(text: str) -> list[str]:
    """A name may hold a line break, which would end a comment."""
    return text.replace("\r", "\n").split("\n")
