"""Tables, columns, indexes and foreign keys of the database."""

from __future__ import annotations

from dbtune.facts import derived, fact
from dbtune.postgres.indexes.coverage import covered_indexes
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.usage import Usage
from dbtune.postgres.indexes.usage import usage as counted
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.relations.facts import Relations
from dbtune.postgres.session import Session


@fact("relations")
def relations(session: Session) -> Relations:
    """All of them, with what ANALYZE learned of columns."""
    return read_relations(session)


@derived("inventory")
def inventory(relations: Relations) -> Inventory:
    """Indexes with what belongs to each of them."""
    return Inventory(relations)


@derived("covered")
def covered(relations: Relations) -> object:
    """Indexes that others make superfluous."""
    return covered_indexes(relations)


@derived("usage")
def usage(relations: Relations) -> Usage:
    """Scans of indexes, on this server only."""
    return counted(relations)
