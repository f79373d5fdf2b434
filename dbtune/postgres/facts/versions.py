"""Versions that fell behind: extensions, collations."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension in this database.

    Attributes:
        name: its name.
        installed, available: versions; available is what ALTER EXTENSION UPDATE would make it,
            "" if its files are not there.
    """

    name: str
    installed: str
    available: str


@dataclass(frozen=True, slots=True)
class Collation:
    """A collation whose library sorts differently from what indexes were built with.

    Attributes:
        name: the collation, or "" for the database's default (PostgreSQL 15 and later).
        recorded, actual: versions.
        indexes: of this database that use it; 0 for the default's, which any text index may use.
        schema: the collation's, which may have a dot in it.
        index_names: of the first fifty of these, as SQL.
        database: whose default it is.
    """

    name: str
    recorded: str
    actual: str
    indexes: int = 0
    schema: str = ""
    index_names: tuple[str, ...] = ()
    database: str = ""


@fact("extensions")
def extensions(session: Session) -> tuple[Extension, ...]:
    """Least privilege: none."""
    return tuple(Extension(**row) for row in session.fact("extensions"))


@fact("collations")
def collations(session: Session) -> tuple[Collation, ...]:
    """Collations whose version changed. Least privilege: none."""
    rows = session.fact("collations")
    if session.major >= 15:
        rows += session.fact("collations_database")
    return tuple(
        Collation(**{**row, "index_names": tuple(row.get("index_names", ()))}) for row in rows
    )
