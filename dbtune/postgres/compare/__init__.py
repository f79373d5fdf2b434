"""``dbtune compare`` on PostgreSQL: what two periods of a server, or of two, have to say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dbtune.compare.held import Held, Span
from dbtune.compare.model import (
    Comparison,
    Frame,
    ObjectChange,
    Related,
    SettingChange,
    StatementChange,
    WaitChange,
    Workload,
)
from dbtune.compare.statements import align, workload_of
from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.postgres.compare.identity import related
from dbtune.postgres.compare.measures import measures
from dbtune.postgres.compare.relations import index_changes, size_changes, uses
from dbtune.postgres.compare.statements import counted, missing, texts_of
from dbtune.postgres.facts.checkpoints import checkpoints
from dbtune.postgres.facts.relations import relations
from dbtune.postgres.facts.server import server
from dbtune.postgres.facts.settings import Setting, settings
from dbtune.postgres.facts.statements import statements
from dbtune.postgres.facts.waits import waits

__all__ = ["compared", "related"]

_OWN_SETTINGS = frozenset(
    "application_name client_encoding transaction_read_only transaction_isolation "
    "transaction_deferrable in_hot_standby is_superuser session_authorization "
    "statement_timeout lock_timeout idle_in_transaction_session_timeout".split()
)
"""Settings of dbtune's own session, and states that are no settings."""


def compared(frame: Frame, before: Span, after: Span, relation: Related) -> Comparison:
    """Two periods side by side.

    Args:
        frame: which snapshots bound them.
        before, after: their facts.
        relation: how the last snapshot belongs to the first.
    """
    found, workload, skipped, said = _statements(before, after, relation)
    first = before.start or before.end
    notes = [*_server_notes(before, after, relation), *said]
    indexes, tables, more = _objects(first, before, after)
    return Comparison(
        before.period(_began(before.end)),
        after.period(_began(after.end)),
        relation.cluster,
        measures(before, after),
        found,
        workload,
        _settings(first, after.end),
        _setting_names(after.end),
        indexes,
        tables,
        _waits(before.end, after.end),
        (*skipped, *more),
        tuple(notes),
        (frame.after_end.collected_at - frame.first.collected_at).total_seconds(),
    )


def _began(held: Held) -> datetime | None:
    reading = held.maybe(statements)
    if reading is not None and reading.stats_reset is not None:
        return reading.stats_reset
    counted_by = held.maybe(checkpoints)
    return counted_by.stats_reset if counted_by else None


def _server_notes(before: Span, after: Span, relation: Related) -> Iterator[str]:
    one, other = before.end.maybe(server), after.end.maybe(server)
    if one is None or other is None:
        return
    if relation.cluster is False:
        yield (
            "the snapshots are of different servers: machine, data and load may differ, "
            "so what differs need not come from the change"
        )
    if one.version != other.version:
        yield f"the version changed: {one.version_text} before, {other.version_text} after"
    if one.database != other.database:
        yield f"the database differs: {one.database} before, {other.database} after"
    if one.is_standby != other.is_standby:
        roles = ["a standby" if each.is_standby else "a primary" for each in (one, other)]
        yield f"the server was {roles[0]} before, {roles[1]} after"
    if relation.cluster is not False and one.started_at != other.started_at:
        when = other.started_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        restarted = "was restarted" if relation.continues else "(or another one) was started"
        yield (
            f"the server {restarted} at {when}: its cache was empty then, so the first "
            "minutes after it are slower whatever was changed"
        )


def _statements(
    before: Span, after: Span, relation: Related
) -> tuple[tuple[StatementChange, ...] | None, Workload, list[Skipped], list[str]]:
    lacking = missing((before, after))
    if lacking is not None:
        return None, Workload(), [Skipped("pg_stat_statements", lacking.reason, lacking.remedy)], []
    groups = [[before.start, before.end], [after.start, after.end]]
    if relation.cluster and _versions(before, after):
        groups = [groups[0] + groups[1]] * 2
    old, new = (
        counted(span, name, texts_of(*held))
        for span, name, held in zip((before, after), ("before", "after"), groups, strict=True)
    )
    skipped = []
    hidden = max(old.reading.hidden_entries, new.reading.hidden_entries)
    if hidden:
        skipped.append(
            Skipped(
                "statements of other roles",
                f"{hidden:,} were hidden from the role that took a snapshot",
                "GRANT pg_read_all_stats TO the role, or pg_monitor, which includes it",
            )
        )
    changes = align(old.by_key, new.by_key)
    return changes, workload_of(changes), skipped, [*old.notes, *new.notes]


def _versions(before: Span, after: Span) -> bool:
    """Whether both have one major version: queryids of another mean nothing."""
    one, other = before.end.maybe(server), after.end.maybe(server)
    return bool(one and other and one.version // 10000 == other.version // 10000)


def _settings(first: Held, last: Held) -> tuple[SettingChange, ...] | None:
    one, other = first.maybe(settings), last.maybe(settings)
    if one is None or other is None:
        return None
    found = []
    for name in sorted(one.by_name.keys() | other.by_name.keys()):
        old, new = one.by_name.get(name), other.by_name.get(name)
        if name in _OWN_SETTINGS or not (one.complete == other.complete or (old and new)):
            continue
        waits = bool(new and new.pending_restart) and not (old and old.pending_restart)
        if (old and old.value) != (new and new.value) or waits:
            remark = "another value waits for a restart" if waits else ""
            found.append(SettingChange(name, _value(old), _value(new), remark))
    return tuple(found)


def _setting_names(last: Held) -> frozenset[str]:
    found = last.maybe(settings)
    return frozenset(found.by_name) if found else frozenset()


_SIZES = {"B": 1, "kB": 1024, "8kB": 8192, "16kB": 16384, "32kB": 32768, "MB": 1024**2}
_WHOLE = (("TB", 1024**4), ("GB", 1024**3), ("MB", 1024**2), ("kB", 1024))


def _value(setting: Setting | None) -> str | None:
    """A value as PostgreSQL itself writes it: the largest unit that leaves a whole number."""
    if setting is None:
        return None
    value, unit = setting.value, setting.unit
    if unit in _SIZES and value.isdigit() and value != "0":
        size = int(value) * _SIZES[unit]
        for name, factor in _WHOLE:
            if size % factor == 0:
                return f"{size // factor}{name}"
        return f"{size}B"
    return f"{value}{unit}" if unit and value.lstrip("-").isdigit() and value != "0" else value


def _objects(
    first: Held, before: Span, after: Span
) -> tuple[tuple[ObjectChange, ...] | None, tuple[ObjectChange, ...] | None, list[Skipped]]:
    try:
        one, old, new = (held.of(relations) for held in (first, before.end, after.end))
    except Unavailable as lacking:
        return None, None, [Skipped("tables and indexes", lacking.reason, lacking.remedy)]
    skipped = [
        Skipped("some tables and indexes", why)
        for why in dict.fromkeys((*one.left_out, *new.left_out))
    ]
    early = [span.start.maybe(relations) if span.start else None for span in (before, after)]
    searched = uses(early[0], old), uses(early[1], new)
    return index_changes(one, new, *searched), size_changes(one, new), skipped


def _waits(first: Held, last: Held) -> tuple[WaitChange, ...] | None:
    one, other = first.maybe(waits), last.maybe(waits)
    if one is None or other is None:
        return None
    return tuple(
        WaitChange(
            name,
            one.sessions.get(name, 0) / one.samples,
            other.sessions.get(name, 0) / other.samples,
        )
        for name in sorted(one.sessions.keys() | other.sessions.keys())
    )
