"""How near transaction ids and multixact ids are to wrapping around, and what holds them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dbtune.facts import counters
from dbtune.postgres.facts.counting import seconds_between
from dbtune.postgres.session import Session

XID_LIMIT = 2**31
"""Ids that can be told apart from the present one; the server stops 3 million before that."""


@dataclass(frozen=True, slots=True)
class DatabaseAge:
    """A database and its oldest ids.

    Attributes:
        name: the database.
        xid_age: transactions since its oldest unfrozen one.
        multixact_age: likewise of multixacts.
    """

    name: str
    xid_age: int
    multixact_age: int


@dataclass(frozen=True, slots=True)
class TableAge:
    """A table of this database with old ids.

    Attributes:
        schema, name: the table; a TOAST table stands under its owner's name.
        xid_age, multixact_age: as of :class:`DatabaseAge`.
        size_bytes: of the whole table; ``None`` if unknown.
    """

    schema: str
    name: str
    xid_age: int
    multixact_age: int
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Xids:
    """Ages of ids, all databases; tables of this one.

    Attributes:
        databases: oldest first.
        tables: the oldest of this database, at most 20.
        freeze_max_age: autovacuum_freeze_max_age.
        multixact_freeze_max_age: autovacuum_multixact_freeze_max_age.
        next_xid: the next transaction's full id.
        at: the server's clock.
        per_second: transaction ids that were used up each second while that was watched;
            ``None`` if nothing was.
    """

    databases: tuple[DatabaseAge, ...]
    tables: tuple[TableAge, ...]
    freeze_max_age: int
    multixact_freeze_max_age: int
    next_xid: int
    at: datetime | None = None
    per_second: float | None = None


def _between(first: Xids, second: Xids) -> Xids:
    if first.at is None or second.at is None:
        return second
    seconds = seconds_between(first.at, second.at)
    return replace(second, per_second=max(0, second.next_xid - first.next_xid) / seconds)


@counters("xids", _between)
def xids(session: Session) -> Xids:
    """Least privilege: none."""
    row = session.fact("xids_settings")[0]
    return Xids(
        tuple(DatabaseAge(**one) for one in session.fact("xids_databases")),
        tuple(TableAge(**one) for one in session.fact("xids_tables")),
        **row,
    )
