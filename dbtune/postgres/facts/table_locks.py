"""Who holds locks on tables that keep VACUUM away."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class TableLock:
    """A lock on a table that VACUUM would have to wait for, and does not.

    Attributes:
        table: oid of the table.
        schema, name: its name.
        pid: the process that holds it; 0 for a prepared transaction.
        mode: ``ShareUpdateExclusiveLock`` ...
        kind: what kind of process: ``client backend``, ``autovacuum worker`` ...; "" if hidden.
    """

    table: int
    schema: str
    name: str
    pid: int
    mode: str
    kind: str = ""


@fact("table_locks")
def table_locks(session: Session) -> tuple[TableLock, ...]:
    """Of this database, at this moment. Least privilege: none."""
    return tuple(TableLock(**row) for row in session.fact("table_locks"))
